import type { Role } from '@valtronics/contract';
import type { Clock } from '../../lib/clock.ts';
import { newId } from '../../lib/ids.ts';
import type { ProvenFactor } from '../../security/access/principal.ts';
import type { Reader, WriteTx } from '../../security/audit/tokens.ts';
import { newOpaqueToken, tokenHash, tokenPrefixes } from '../../security/crypto/tokens.ts';
import type { Blocks } from '../../security/shield/blocks.ts';
import { insertSession } from './session.repository.ts';
import type { SessionTimes } from './session.ts';
import { lockActiveAdministrators, noteVouchedSignIn, type WaysIn } from './user.repository.ts';
import type { UserRecords } from './user-records.ts';

/** What was proven elsewhere. */
export interface Vouching {
  readonly factor: Extract<ProvenFactor, 'password' | 'provider'>;
  readonly verifiedAt: Date;
  /** The session ends then at the latest, whatever our own rules would allow. */
  readonly endsBy: Date | null;
}

export type OpenedSession =
  | { readonly kind: 'open'; readonly token: string; readonly sessionId: string }
  | { readonly kind: 'not_active' }
  | { readonly kind: 'blocked' };

/** Accounts of people whom somebody else vouches for; handed to the features that know such others. */
export interface VouchedAccounts {
  find(reader: Reader, userId: string): Promise<WaysIn | undefined>;
  /** An active account without a password; null when the address is taken. */
  create(
    tx: WriteTx,
    account: { organisationId: number; email: string; name: string | null; role: Role },
  ): Promise<string | null>;
  /** Gives the role, except that the last administrator stays one; returns what it was, or null where nothing changed. */
  giveRole(tx: WriteTx, account: { organisationId: number; userId: string }, role: Role): Promise<Role | null>;
  /**
   * A browser's session. An account with a factor of ours that was not vouched for is asked for it before anything else (`pendingOf`). The
   * account is locked, so whoever disables it either comes first or ends the session.
   */
  openSession(
    tx: WriteTx,
    account: { userId: string; organisationId: number },
    visitor: { address: string; userAgent: string | null },
    vouching: Vouching,
  ): Promise<OpenedSession>;
}

export function createVouchedAccounts({
  records,
  sessionTimes,
  blocks,
  clock,
}: {
  records: UserRecords;
  sessionTimes: SessionTimes;
  blocks: Pick<Blocks, 'ofUser'>;
  clock: Clock;
}): VouchedAccounts {
  return {
    find: records.findWaysIn,

    async create(tx, account) {
      const id = newId();
      const isNew = await records.insert(tx, { ...account, id, phone: null, status: 'active', passwordHash: null });
      return isNew ? id : null;
    },

    async giveRole(tx, { organisationId, userId }, role) {
      const administrators = await lockActiveAdministrators(tx);
      const user = await records.find(tx, userId);
      if (!user || user.role === role) return null;
      if (administrators.length === 1 && administrators[0] === userId) return null;
      await records.update(
        tx,
        { organisationId, id: userId },
        {
          status: user.status,
          mustChangePassword: user.must_change_password,
          deviceScope: user.device_scope,
          role,
        },
      );
      return user.role;
    },

    async openSession(tx, { userId, organisationId }, visitor, { factor, verifiedAt, endsBy }) {
      if (blocks.ofUser(userId)) return { kind: 'blocked' };
      const now = clock.now();
      if (!(await noteVouchedSignIn(tx, userId, new Date(now)))) return { kind: 'not_active' };
      const token = newOpaqueToken(tokenPrefixes.session);
      const sessionId = newId();
      const absolute = Math.min(now + sessionTimes.absoluteMs, endsBy?.getTime() ?? Number.POSITIVE_INFINITY);
      await insertSession(tx, {
        id: sessionId,
        organisationId,
        userId,
        kind: 'browser',
        tokenHash: tokenHash(token),
        address: visitor.address,
        userAgent: visitor.userAgent,
        now: new Date(now),
        idleExpiresAt: new Date(Math.min(now + sessionTimes.idleMs, absolute)),
        absoluteExpiresAt: new Date(absolute),
        factor,
        verifiedAt,
      });
      return { kind: 'open', token, sessionId };
    },
  };
}
