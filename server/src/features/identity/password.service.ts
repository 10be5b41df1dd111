import type { Clock } from '../../lib/clock.ts';
import { newId } from '../../lib/ids.ts';
import { invalidField, notFound, Problem } from '../../lib/problem.ts';
import type { Logger } from '../../platform/log/log.ts';
import type { UserPrincipal } from '../../security/access/principal.ts';
import type { Revocations } from '../../security/access/revocations.ts';
import type { AuditActor } from '../../security/audit/audit-event.ts';
import type { AuditedTx, Reader, SystemTx } from '../../security/audit/tokens.ts';
import type { Transactions } from '../../security/audit/transactions.types.ts';
import { isOpaqueToken, newOpaqueToken, tokenHash, tokenPrefixes } from '../../security/crypto/tokens.ts';
import type { Guessing } from '../../security/shield/guessing.types.ts';
import type { AccountMailbox } from './account-mailbox.ts';
import { listFactors } from './factor.repository.ts';
import { guessedAccount } from './guessed-account.ts';
import { currentOrganisation } from './organisation.repository.ts';
import { claimPasswordReset, type FoundReset, insertPasswordReset, lastResetAt } from './password-reset.repository.ts';
import type { Passwords } from './passwords.ts';
import { revokeSessionsOf } from './session.repository.ts';
import { findPasswordHash, replacePasswordHash, setPassword } from './user.repository.ts';
import type { UserRecord } from './user.ts';
import type { UserRecords } from './user-records.ts';
import { actorOf, type WriteAs } from './visitor.ts';

/** Long enough for a mail to arrive and be read. */
const RESET_MS = 60 * 60_000;
/** One mail in this time, however often somebody asks. */
const RESET_EVERY_MS = 2 * 60_000;
/** Requests for links that are worked on after their answer was sent. */
const MOST_UNDER_WAY = 50;

interface Owner {
  readonly email: string;
  readonly name: string | null;
  readonly organisation: string;
  readonly hasSecondFactor: boolean;
}
/** What has to be true of the present password when the new one takes its place. */
interface Current {
  readonly hash: string | null;
  readonly user: UserRecord;
  readonly organisation: string;
}

export type PasswordService = ReturnType<typeof createPasswordService>;

/** Changing a password and getting a new one. What is slow happens before the transactions. */
export function createPasswordService(deps: {
  transactions: Transactions;
  passwords: Passwords;
  records: Pick<UserRecords, 'find' | 'findAccount' | 'findLogin' | 'findReset'>;
  revocations: Revocations;
  mailbox: AccountMailbox;
  guessing: Pick<Guessing, 'check' | 'recovered'>;
  publicUrl: URL;
  clock: Clock;
  log: Logger;
}) {
  const { transactions, passwords, records, revocations, mailbox, guessing, publicUrl, clock, log } = deps;
  let underWay = 0;

  async function hashOf(path: string, password: string, owner: Owner) {
    const fault = await passwords.check(password, owner);
    if (fault !== undefined) throw invalidField(path, fault);
    return passwords.hash(password);
  }

  /** The token stands in the fragment, which a browser never sends to a server, so it stays out of every log. */
  async function issueLink(
    tx: AuditedTx | SystemTx,
    person: { organisationId: number; userId: string; email: string },
  ) {
    const token = newOpaqueToken(tokenPrefixes.passwordReset);
    const now = clock.date();
    const expiresAt = new Date(now.getTime() + RESET_MS);
    const { organisationId, userId } = person;
    await insertPasswordReset(tx, { id: newId(), organisationId, userId, tokenHash: tokenHash(token), now, expiresAt });
    const url = new URL('/reset-password', publicUrl);
    url.hash = `token=${token}`;
    const link = { url: url.href, expiresAt: expiresAt.toISOString() };
    const mailed = await mailbox.put(tx, person, { kind: 'password_reset', ...link });
    tx.describe({ resource: { kind: 'user', id: userId } });
    // Whoever has the link chooses the password, so an administrator gets it only where nothing else can carry it (ASVS 6.4.6).
    return { ...link, url: mailed ? null : link.url, mailed };
  }

  async function mailLinkTo(email: string): Promise<void> {
    const account = await transactions.read(null, (reader) => records.findLogin(reader, email));
    if (account?.status !== 'active') return;
    const { organisation_id: organisationId, user_id: userId } = account;
    const last = await transactions.read(organisationId, (reader) => lastResetAt(reader, userId));
    if (last && clock.now() - last.getTime() < RESET_EVERY_MS) return;
    const actor: AuditActor = { kind: 'anonymous', id: userId, label: null };
    await transactions.system({ organisationId, actor, event: 'user.password_reset_requested' }, async (tx) => {
      const stored = await records.findAccount(tx, userId);
      // As it is stored: what was typed may differ from it in case. It is what the account was found by, so it is theirs also where that does not open.
      const isStored = stored !== undefined && !stored.unreadable.includes('email');
      return issueLink(tx, { organisationId, userId, email: isStored ? stored.email : account.email });
    });
  }

  async function findReset(token: string, address: string): Promise<FoundReset> {
    const found = await guessing.check({ address }, async () => {
      if (!isOpaqueToken(token, tokenPrefixes.passwordReset)) return null;
      const known = await transactions.read(null, (reader) => records.findReset(reader, tokenHash(token)));
      return known && known.expires_at.getTime() > clock.now() ? known : null;
    });
    if (!found)
      throw new Problem('gone', { detail: 'This link was used, has expired, or was replaced by a newer one.' });
    return found;
  }

  /** The owner has chosen a new one: what strangers tried before is forgotten, and the sessions given have ended. */
  async function changed(owner: { email: string; userId: string }, endedSessions: readonly string[]): Promise<void> {
    await guessing.recovered(guessedAccount(owner));
    await announce(endedSessions);
  }

  async function announce(sessions: readonly string[]): Promise<void> {
    for (const sessionId of sessions) await revocations.announce({ sessionId });
  }

  return {
    async current(reader: Reader, userId: string): Promise<Current> {
      const user = await records.find(reader, userId);
      if (!user) throw notFound();
      const { name: organisation } = await currentOrganisation(reader);
      return { hash: await findPasswordHash(reader, userId), user, organisation };
    },

    /** The hash of the new password, if the old one is right and the new one allowed. */
    async newHash(
      by: UserPrincipal,
      of: Current,
      current: string,
      next: string,
      deviceCookie: string | undefined,
    ): Promise<string> {
      // A stolen password is not to lock its owner out: what the account has beyond it comes first.
      if (by.pending === 'verify_factor') throw new Problem('pending', { detail: 'Prove your second factor first.' });
      const isRight = await guessing.check(
        { account: guessedAccount(by), factor: 'password_again', deviceCookie },
        async () => (await passwords.verify(of.hash, current)) || null,
      );
      if (!isRight) throw invalidField('currentPassword', 'not your current password');
      if (next === current) throw invalidField('newPassword', 'the one you have now');
      const { email, name, factors } = of.user;
      const owner = { email, name, organisation: of.organisation, hasSecondFactor: factors.length > 0 };
      return hashOf('newPassword', next, owner);
    },

    /** Ends the person's other sessions; returns their ids. */
    async replace(tx: AuditedTx, by: UserPrincipal, from: string | null, to: string): Promise<string[]> {
      if (!(await replacePasswordHash(tx, by.userId, from, to)))
        throw new Problem('conflict', { detail: 'The password was changed a moment ago.' });
      const others = { userId: by.userId, exceptId: by.sessionId };
      const ended = await revokeSessionsOf(tx, others, 'password changed', clock.date());
      await mailbox.put(tx, by, { kind: 'password_changed' });
      tx.describe({ resource: { kind: 'user', id: by.userId }, details: { endedSessions: ended.length } });
      return ended;
    },

    announce,
    changed,

    /**
     * Answers nothing and before anything is looked up, so that neither the answer nor its time tells whether there is such an account
     * (ASVS 6.3.8). Beyond a few dozen at once everybody is told to come back, whoever they ask for.
     */
    forgot(email: string): void {
      if (underWay >= MOST_UNDER_WAY) throw new Problem('overloaded', { retryAfterSeconds: 5 });
      underWay += 1;
      void mailLinkTo(email)
        .catch((error: unknown) => log.error({ err: error }, 'a link for a forgotten password could not be made'))
        .finally(() => {
          underWay -= 1;
        });
    },

    issueLink,

    async inspect(token: string, address: string): Promise<{ email: string; expiresAt: string }> {
      const found = await findReset(token, address);
      return { email: found.email, expiresAt: found.expires_at.toISOString() };
    },

    /** Replaces the password and ends every session. Signs nobody in: a second factor is asked for at the next sign-in as always. */
    async reset(writeAs: WriteAs, address: string, token: string, password: string): Promise<void> {
      const found = await findReset(token, address);
      const { organisation_id: organisationId, user_id: userId, email, name } = found;
      const owner = await transactions.read(organisationId, async (reader) => ({
        email,
        name,
        organisation: (await currentOrganisation(reader)).name,
        hasSecondFactor: (await listFactors(reader, userId)).length > 0,
      }));
      const hash = await hashOf('newPassword', password, owner);
      const ended = await writeAs({ organisationId, actor: actorOf(found) }, async (tx) => {
        if (!(await claimPasswordReset(tx, found.reset_id, clock.date()))) throw new Problem('gone');
        await setPassword(tx, userId, hash);
        const sessions = await revokeSessionsOf(tx, { userId, exceptId: null }, 'password reset', clock.date());
        await mailbox.put(tx, { organisationId, email }, { kind: 'password_changed' });
        const details = { byLink: true, endedSessions: sessions.length };
        tx.describe({ resource: { kind: 'user', id: userId }, details });
        return sessions;
      });
      await changed({ email, userId }, ended);
    },
  };
}
