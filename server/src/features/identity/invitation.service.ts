import type { Clock } from '../../lib/clock.ts';
import { newId } from '../../lib/ids.ts';
import { invalidField, Problem } from '../../lib/problem.ts';
import type { Transactions } from '../../security/audit/transactions.types.ts';
import { isOpaqueToken, tokenHash, tokenPrefixes } from '../../security/crypto/tokens.ts';
import type { Guessing } from '../../security/shield/guessing.types.ts';
import { passwordAlone } from './factor-proofs.ts';
import { claimInvitation, type FoundInvitation } from './invitation.repository.ts';
import type { Passwords } from './passwords.ts';
import type { SessionService } from './session.service.ts';
import type { Account } from './user.ts';
import type { UserRecords } from './user-records.ts';
import { actorOf, type Visitor, type WriteAs } from './visitor.ts';

export function createInvitationService(deps: {
  transactions: Transactions;
  passwords: Passwords;
  records: Pick<UserRecords, 'findInvitation' | 'insert' | 'activate'>;
  sessions: SessionService;
  guessing: Pick<Guessing, 'check'>;
  clock: Clock;
}) {
  const { transactions, passwords, records, sessions, guessing, clock } = deps;

  async function find(token: string, address: string): Promise<FoundInvitation> {
    const gone = new Problem('gone', {
      detail: 'This link was used, has expired, or was replaced by a newer one. Ask for a new one.',
    });
    const found = await guessing.check({ address }, async () => {
      if (!isOpaqueToken(token, tokenPrefixes.invitation)) return null;
      return (await transactions.read(null, (reader) => records.findInvitation(reader, tokenHash(token)))) ?? null;
    });
    if (!found || found.expires_at.getTime() <= clock.now()) throw gone;
    return found;
  }

  /** Opens the account and signs the browser in; returns the token of its cookie. The link is claimed in the same transaction, so two clicks cannot both win. */
  async function accept(
    writeAs: WriteAs,
    visitor: Visitor,
    given: { token: string; email?: string | undefined; name?: string | undefined; password: string },
  ): Promise<string> {
    const invitation = await find(given.token, visitor.address);
    const email = invitation.email ?? given.email;
    if (email === undefined) throw invalidField('email', 'your address, to sign in with');
    const { organisation } = invitation;
    const fault = await passwords.check(given.password, { email, name: given.name ?? null, organisation });
    if (fault !== undefined) throw invalidField('password', fault);
    const passwordHash = await passwords.hash(given.password);

    const account: Account = {
      user_id: invitation.user_id ?? newId(),
      organisation_id: invitation.organisation_id,
      email,
      password_hash: passwordHash,
      status: 'active',
      role: invitation.role,
      authorization_version: 1,
    };
    return writeAs({ organisationId: account.organisation_id, actor: actorOf(account) }, async (tx) => {
      if (!(await claimInvitation(tx, invitation.invitation_id, clock.date()))) throw new Problem('gone');
      if (invitation.user_id) {
        const owner = { organisationId: account.organisation_id, id: account.user_id };
        const details = { name: given.name ?? null, passwordHash };
        if (!(await records.activate(tx, owner, details))) throw new Problem('gone');
      } else {
        const isNew = await records.insert(tx, {
          id: account.user_id,
          organisationId: account.organisation_id,
          email,
          name: given.name ?? null,
          phone: null,
          role: account.role,
          status: 'active',
          passwordHash,
        });
        if (!isNew) throw new Problem('conflict', { errors: [{ path: 'email', message: 'already has an account' }] });
      }
      tx.describe({ resource: { kind: 'user', id: account.user_id }, details: { role: account.role } });
      return (await sessions.openBrowserSession(tx, { account, proof: passwordAlone }, visitor)).token;
    });
  }

  return { find, accept };
}
