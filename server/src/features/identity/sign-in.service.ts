import { Problem } from '../../lib/problem.ts';
import type { Transactions } from '../../security/audit/transactions.types.ts';
import type { KeyRing } from '../../security/crypto/key-ring.ts';
import type { Guessing } from '../../security/shield/guessing.types.ts';
import type { AccountMailbox } from './account-mailbox.ts';
import type { Passwords } from './passwords.ts';
import { upgradePasswordHash } from './user.repository.ts';
import type { Account } from './user.ts';
import type { UserRecords } from './user-records.ts';
import type { Visitor } from './visitor.ts';

/** Wrong passwords in a row before a right one, from which on the owner should hear of it. */
const SUSPICIOUS_FAILURES = 5;

export type SignInService = ReturnType<typeof createSignInService>;

/** The first step of a sign-in: what a password proves. */
export function createSignInService(deps: {
  transactions: Transactions;
  passwords: Passwords;
  guessing: Guessing;
  keyRing: Pick<KeyRing, 'pseudonym'>;
  records: Pick<UserRecords, 'findLogin'>;
  mailbox: AccountMailbox;
}) {
  const { transactions, passwords, guessing, keyRing, records, mailbox } = deps;

  /**
   * The account a password proves. Unknown and known addresses cost one argon2id each and get the same answer; the difference is only
   * in the log. The hashing happens before any transaction is opened.
   */
  async function prove(email: string, password: string, visitor: Visitor): Promise<Account> {
    const { address, deviceCookie } = visitor;
    const claimed: { account?: Account | undefined } = {};
    let failuresBefore = 0;
    const account = await guessing.check(
      { address, account: email, deviceCookie },
      async () => {
        const found = await transactions.read(null, (reader) => records.findLogin(reader, email));
        claimed.account = found;
        const isRight = await passwords.verify(found?.password_hash ?? null, password);
        return found && isRight && found.status === 'active' ? found : null;
      },
      (failures) => {
        failuresBefore = failures;
      },
    );
    if (!account) {
      await recordRefusal(claimed.account, email, visitor);
      throw new Problem('invalid_credentials');
    }
    if (failuresBefore >= SUSPICIOUS_FAILURES) await noteSuspicious(account, failuresBefore, address);
    const hash = account.password_hash;
    if (!hash || !passwords.needsRehash(hash)) return account;
    const upgraded = await passwords.hash(password);
    await transactions.unaudited(account.organisation_id, 'password_rehash', (tx) =>
      upgradePasswordHash(tx, account.user_id, hash, upgraded),
    );
    return { ...account, password_hash: upgraded };
  }

  /** A name nobody has is kept as a pseudonym: enough to tell that many different ones are tried, and nothing anybody can read. */
  const recordRefusal = (account: Account | undefined, email: string, visitor: Visitor): Promise<void> =>
    transactions.refused(
      {
        organisationId: account?.organisation_id ?? null,
        actor: { kind: 'anonymous', id: account?.user_id ?? null, label: null },
        address: visitor.address,
        requestId: visitor.requestId,
      },
      'session.refused',
      account
        ? { resource: { kind: 'user', id: account.user_id } }
        : { resource: null, details: { account: pseudonym(email) } },
    );

  const pseudonym = (email: string): string =>
    keyRing.pseudonym('sign-in/unknown-account', email.toLowerCase()).toString('base64url').slice(0, 22);

  /** A right password after many wrong ones may be a guess that hit, so its owner is told (ASVS 5.0 V6.3.5). */
  const noteSuspicious = (account: Account, failuresBefore: number, from: string): Promise<void> =>
    transactions.system(
      {
        organisationId: account.organisation_id,
        actor: { kind: 'system', id: 'guessing', label: null },
        event: 'account.suspicious',
      },
      async (tx) => {
        tx.describe({ resource: { kind: 'user', id: account.user_id }, details: { failuresBefore } });
        const to = { organisationId: account.organisation_id, email: account.email };
        await mailbox.put(tx, to, { kind: 'account_guessed', from, attempts: failuresBefore });
      },
    );

  return { prove };
}
