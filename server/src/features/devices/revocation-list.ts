import type { Clock } from '../../lib/clock.ts';
import { Problem } from '../../lib/problem.ts';
import type { Logger } from '../../platform/log/log.ts';
import type { Revocations } from '../../security/access/revocations.ts';
import type { Transactions } from '../../security/audit/transactions.types.ts';
import type { DeviceAuthority } from '../../security/crypto/certificates/device-authority.ts';
import { listRevocations } from './revocation-list.repository.ts';

/** Long enough to survive a weekend without us, short enough that a copy kept back does not serve for ever. */
const VALID_MS = 3 * 86_400_000;

export interface RevocationList {
  /** DER, with what was revoked a moment ago. */
  current(): Promise<Buffer>;
  refresh(): Promise<void>;
}

/**
 * The list for verifiers other than us; we ask the database itself. It is signed anew after each revocation and now and then, never for a
 * request: whoever asks for it as fast as they like costs us a copy of bytes.
 */
export function createRevocationList(deps: {
  authority: Pick<DeviceAuthority, 'revocationList'>;
  revocations: Pick<Revocations, 'onRevoked' | 'onGap'>;
  transactions: Pick<Transactions, 'readAcross'>;
  clock: Clock;
  log: Logger;
}): RevocationList {
  const { authority, revocations, transactions, clock, log } = deps;
  let latest: Buffer | undefined;
  let work: Promise<void> | undefined;
  let isAsked = false;

  async function make(): Promise<Buffer> {
    const now = clock.date();
    const rows = await transactions.readAcross((reader) => listRevocations(reader, now));
    const revoked = rows.map(({ serial, revoked_at }) => ({ serial, revokedAt: revoked_at }));
    return authority.revocationList(revoked, now, new Date(now.getTime() + VALID_MS));
  }

  /** However many revocations are heard while one list is made, the next one holds them all. */
  async function makeWhileAsked(): Promise<void> {
    while (isAsked) {
      isAsked = false;
      latest = await make();
    }
  }

  function refresh(): Promise<void> {
    isAsked = true;
    work ??= makeWhileAsked().finally(() => {
      work = undefined;
    });
    return work;
  }

  function refreshSoon(): void {
    // The one before still says something true; a job tries again.
    refresh().catch((error: unknown) =>
      log.error({ err: error }, 'the list of revoked certificates could not be made'),
    );
  }
  revocations.onRevoked(({ deviceId, recheck }) => {
    if (deviceId && !recheck) refreshSoon();
  });
  revocations.onGap(refreshSoon);

  return {
    refresh,
    async current() {
      if (!latest) await refresh();
      else await work?.catch(() => {});
      if (!latest) throw new Problem('unavailable');
      return latest;
    },
  };
}
