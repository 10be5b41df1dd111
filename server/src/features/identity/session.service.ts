import { randomBytes } from 'node:crypto';
import type { Tokens } from '@valtronics/contract';
import type { Clock } from '../../lib/clock.ts';
import { newId } from '../../lib/ids.ts';
import { Problem } from '../../lib/problem.ts';
import type { Revocations } from '../../security/access/revocations.ts';
import { findSessionById } from '../../security/access/session.repository.ts';
import { openSession } from '../../security/access/session-look-up.ts';
import type { AuditActor } from '../../security/audit/audit-event.ts';
import type { WriteTx } from '../../security/audit/tokens.ts';
import type { Transactions } from '../../security/audit/transactions.types.ts';
import type { AccessTokens } from '../../security/crypto/access-tokens.ts';
import { isOpaqueToken, newOpaqueToken, tokenHash, tokenPrefixes } from '../../security/crypto/tokens.ts';
import type { DataKeys } from '../../security/keys/data-keys.ts';
import { type Blocks, blockedProblem } from '../../security/shield/blocks.ts';
import type { Guessing } from '../../security/shield/guessing.types.ts';
import type { AccountMailbox } from './account-mailbox.ts';
import type { Proven } from './second-step.service.ts';
import {
  advanceRefreshFamily,
  type FoundRefreshToken,
  findClientHistory,
  findRefreshToken,
  insertRefreshFamily,
  insertSession,
  lockRefreshFamily,
  revokeSession,
} from './session.repository.ts';
import { REFRESH_GRACE_MS, refreshToken, type SessionTimes, TOKEN_ABSOLUTE_MS } from './session.ts';
import { noteSignIn } from './user.repository.ts';
import type { Account } from './user.ts';
import { actorOf, type TokenVisitor, type Visitor, type WriteAs } from './visitor.ts';

export type SessionService = ReturnType<typeof createSessionService>;

/** Opening sessions of browsers and token clients, renewing and ending them. */
export function createSessionService(deps: {
  transactions: Transactions;
  accessTokens: AccessTokens;
  dataKeys: Pick<DataKeys, 'seal' | 'open' | 'openAll'>;
  revocations: Revocations;
  mailbox: AccountMailbox;
  guessing: Guessing;
  blocks: Pick<Blocks, 'ofUser'>;
  sessionTimes: SessionTimes;
  /** Tokens are renewed only where they are bound to a key. */
  dpopRequired: boolean;
  clock: Clock;
}) {
  const { transactions, accessTokens, dataKeys, revocations, mailbox, guessing, sessionTimes, dpopRequired } = deps;
  const { blocks, clock } = deps;
  const familyPlace = (organisation: number, row: string) => ({
    organisation,
    table: 'refresh_families',
    column: 'secret_sealed',
    row,
  });

  /** Proving took a while, outside of any transaction: the account must still be what was proven when the session is opened. */
  async function stillProven(tx: WriteTx, account: Account, now: number): Promise<void> {
    if (!(await noteSignIn(tx, account.user_id, account.password_hash, new Date(now))))
      throw new Problem('invalid_credentials');
  }

  /**
   * A session would open nothing. Only after everything was proven: nobody else learns that the account is blocked, and what was proven is
   * not spent.
   */
  async function refuseBlocked({ account }: Proven, { address, requestId }: Visitor): Promise<void> {
    const block = blocks.ofUser(account.user_id);
    if (block === undefined) return;
    const actor = { kind: 'anonymous', id: account.user_id, label: null } as const;
    await transactions.refused(
      { organisationId: account.organisation_id, actor, address, requestId },
      'session.refused',
      { resource: { kind: 'user', id: account.user_id }, details: { block: block.id } },
    );
    throw blockedProblem(block, clock.now());
  }

  /** A first sign-in with this client is told to its owner; the very first of the account is no news to anybody. */
  async function tellOfNewClient(tx: WriteTx, account: Account, { address, userAgent }: Visitor): Promise<void> {
    const { hasSignedIn, knowsClient } = await findClientHistory(tx, account.user_id, userAgent);
    if (!hasSignedIn || knowsClient) return;
    const to = { organisationId: account.organisation_id, email: account.email };
    await mailbox.put(tx, to, { kind: 'new_sign_in', from: address, client: userAgent ?? 'an unnamed program' });
  }

  /** In the transaction of what the session follows from: an accepted invitation, or `openBrowser` below. */
  async function openBrowserSession(
    tx: WriteTx,
    { account, proof }: Proven,
    visitor: Visitor,
  ): Promise<{ token: string; sessionId: string }> {
    const token = newOpaqueToken(tokenPrefixes.session);
    const now = clock.now();
    const sessionId = newId();
    if (!(await proof.claim(tx))) throw new Problem('invalid_factor');
    await stillProven(tx, account, now);
    await tellOfNewClient(tx, account, visitor);
    await insertSession(tx, {
      factor: proof.factor,
      id: sessionId,
      organisationId: account.organisation_id,
      userId: account.user_id,
      kind: 'browser',
      tokenHash: tokenHash(token),
      address: visitor.address,
      userAgent: visitor.userAgent,
      now: new Date(now),
      idleExpiresAt: new Date(now + Math.min(sessionTimes.idleMs, sessionTimes.absoluteMs)),
      absoluteExpiresAt: new Date(now + sessionTimes.absoluteMs),
    });
    return { token, sessionId };
  }

  /** Returns the token of the cookie. */
  async function openBrowser(writeAs: WriteAs, proven: Proven, visitor: Visitor): Promise<string> {
    const { account, proof } = proven;
    await refuseBlocked(proven, visitor);
    return writeAs({ organisationId: account.organisation_id, actor: actorOf(account) }, async (tx) => {
      const session = await openBrowserSession(tx, proven, visitor);
      const details = { kind: 'browser', factor: proof.factor };
      tx.describe({ resource: { kind: 'session', id: session.sessionId }, details });
      return session.token;
    });
  }

  /** `boundTo`: the thumbprint of the client's key, without which its tokens are then worth nothing (DPoP). */
  async function tokensFor(
    account: Account,
    sessionId: string,
    refresh: string,
    boundTo: string | null,
  ): Promise<Tokens> {
    const access = await accessTokens.issue({
      userId: account.user_id,
      organisationId: account.organisation_id,
      role: account.role,
      authzVersion: account.authorization_version,
      sessionId,
      ...(boundTo === null ? {} : { dpopThumbprint: boundTo }),
    });
    return {
      accessToken: access.token,
      tokenType: boundTo === null ? 'Bearer' : 'DPoP',
      expiresInSeconds: access.expiresInSeconds,
      refreshToken: refresh,
    };
  }

  async function openTokens(writeAs: WriteAs, proven: Proven, visitor: TokenVisitor): Promise<Tokens> {
    const { account, proof } = proven;
    await refuseBlocked(proven, visitor);
    const secret = randomBytes(32);
    const sessionId = newId();
    const first = refreshToken(secret, 1);
    const secretSealed = await dataKeys.seal(secret, familyPlace(account.organisation_id, sessionId));
    const now = clock.now();
    await writeAs({ organisationId: account.organisation_id, actor: actorOf(account) }, async (tx) => {
      if (!(await proof.claim(tx))) throw new Problem('invalid_factor');
      await stillProven(tx, account, now);
      await tellOfNewClient(tx, account, visitor);
      await insertSession(tx, {
        factor: proof.factor,
        id: sessionId,
        organisationId: account.organisation_id,
        userId: account.user_id,
        kind: 'token',
        tokenHash: null,
        address: visitor.address,
        userAgent: visitor.userAgent,
        now: new Date(now),
        idleExpiresAt: new Date(now + TOKEN_ABSOLUTE_MS),
        absoluteExpiresAt: new Date(now + TOKEN_ABSOLUTE_MS),
      });
      await insertRefreshFamily(tx, {
        sessionId,
        organisationId: account.organisation_id,
        secretSealed,
        firstHash: tokenHash(first),
        dpopThumbprint: visitor.dpopThumbprint,
        now: new Date(now),
      });
      tx.describe({
        resource: { kind: 'session', id: sessionId },
        details: { kind: 'token', factor: proof.factor },
      });
    });
    return tokensFor(account, sessionId, first, visitor.dpopThumbprint);
  }

  /** A token we gave is no guess, even when its session has ended since: only one we never gave counts as a failure. */
  const refreshTokenOf = (presented: string, address: string): Promise<FoundRefreshToken | null> =>
    guessing.check({ address }, async () => {
      if (!isOpaqueToken(presented, tokenPrefixes.refresh)) return null;
      return (await transactions.read(null, (reader) => findRefreshToken(reader, tokenHash(presented)))) ?? null;
    });

  const sessionOf = async (id: string) =>
    openSession(dataKeys, await transactions.read(null, (reader) => findSessionById(reader, id)));

  /**
   * Rotation by compare-and-set under a row lock. The current token gives the next one; the one before it gives, for 30 s, the same
   * next one again (a client whose answer was lost); anything older was copied, so the whole family ends and only that family.
   * `proven`: the thumbprint of the key the client proved. What a family is bound to was decided when it was opened.
   */
  async function refresh(writeAs: WriteAs, visitor: TokenVisitor, presented: string): Promise<Tokens> {
    const { address, dpopThumbprint: proven } = visitor;
    const refused = new Problem('not_authenticated', { detail: 'Sign in again.' });
    const known = await refreshTokenOf(presented, address);
    if (!known) throw refused;
    const { session_id: sessionId, organisation_id: organisationId } = known;
    const session = await sessionOf(sessionId);
    const now = clock.now();
    if (session?.status !== 'active' || session.absolute_expires_at.getTime() <= now) throw refused;
    const account: Account = { ...session, password_hash: null };
    const block = blocks.ofUser(account.user_id);
    if (block) throw blockedProblem(block, now);

    let isReuse = false;
    let boundTo: string | null = null;
    const successor = await writeAs({ organisationId, actor: actorOf(account) }, async (tx) => {
      const family = await lockRefreshFamily(tx, sessionId);
      if (!family) throw refused;
      // A copy of a bound token tells nothing about a theft of its key: refused, and the family goes on for whoever has the key.
      boundTo = family.dpop_thumbprint;
      if (boundTo !== null && boundTo !== proven) throw refused;
      // Nor is it bound now: whoever copied the token could be the first to show a key.
      if (boundTo === null && dpopRequired) throw refused;
      const secret = await dataKeys.open(family.secret_sealed, familyPlace(organisationId, sessionId));
      const isCurrent = known.generation === family.generation;
      const isRetry =
        known.generation === family.generation - 1 && now - family.rotated_at.getTime() <= REFRESH_GRACE_MS;
      isReuse = !isCurrent && !isRetry;
      // Leaves the transaction without a trace: nothing was renewed, so the log must not say so. What happened is recorded below.
      if (isReuse) throw refused;
      tx.describe({ resource: { kind: 'session', id: sessionId }, ...(isRetry ? { details: { retry: true } } : {}) });
      if (isRetry) return refreshToken(secret, family.generation);
      const generation = family.generation + 1;
      const token = refreshToken(secret, generation);
      await advanceRefreshFamily(tx, {
        sessionId,
        organisationId,
        generation,
        tokenHash: tokenHash(token),
        now: new Date(now),
        idleExpiresAt: new Date(now + TOKEN_ABSOLUTE_MS),
      });
      return token;
    }).catch(async (error: unknown) => {
      if (isReuse) await endReusedFamily(account, sessionId);
      throw error;
    });
    return tokensFor(account, sessionId, successor, boundTo);
  }

  async function endReusedFamily(account: Account, sessionId: string): Promise<void> {
    const who = {
      organisationId: account.organisation_id,
      actor: actorOf(account),
      event: 'session.reuse_detected',
    } as const;
    await transactions.system(who, async (tx) => {
      const which = { id: sessionId, userId: account.user_id };
      const isFirst = await revokeSession(tx, which, 'refresh token reused', clock.date());
      tx.describe({ resource: { kind: 'session', id: sessionId }, details: { ended: isFirst } });
    });
    await revocations.announce({ sessionId });
  }

  async function logout(writeAs: WriteAs, { address }: Visitor, presented: string): Promise<void> {
    const known = await refreshTokenOf(presented, address);
    const session = known && (await sessionOf(known.session_id));
    if (!session) throw new Problem('not_authenticated');
    const actor: AuditActor = { kind: 'user', id: session.user_id, label: session.email };
    await writeAs({ organisationId: session.organisation_id, actor }, async (tx) => {
      const which = { id: session.session_id, userId: session.user_id };
      // Ended by somebody else meanwhile: who is no longer signed in cannot sign out.
      if (!(await revokeSession(tx, which, 'signed out', clock.date()))) throw new Problem('not_authenticated');
      tx.describe({ resource: { kind: 'session', id: session.session_id } });
    });
    await revocations.announce({ sessionId: session.session_id });
  }

  return { openBrowserSession, openBrowser, openTokens, refresh, logout };
}
