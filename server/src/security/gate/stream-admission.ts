import { liveAuth, liveCloseCodes, rates } from '@valtronics/contract';
import { parseJsonText } from '../../lib/json.ts';
import type { LiveConnection } from '../../platform/live/connection.ts';
import type { Logger } from '../../platform/log/log.ts';
import type { Authentication } from '../access/authentication.ts';
import type { KnownPrincipal, UserPrincipal } from '../access/principal.ts';
import type { Blocks } from '../shield/blocks.ts';
import type { Limiter } from '../shield/limiter.ts';
import { sessionCookie } from './credential.ts';
import type { StreamReports } from './stream-reports.ts';

export interface AdmissionOptions {
  readonly authentication: Pick<Authentication, 'session' | 'bearer'>;
  readonly limiter: Limiter;
  readonly blocks: Pick<Blocks, 'of'>;
  readonly publicOrigin: string;
  readonly withinMs: number;
  readonly log: Logger;
  readonly reports: StreamReports;
}

// An access token is at most 4 KiB; whoever has not said who he is needs no more than that and some frame heads.
const MAX_BYTES_BEFORE = 16_384;
/** As at the HTTP door: a refused credential costs the address this many of its coarse allowance. */
const REFUSAL_COST = 20;
/** Standard code "try again later": the credential was not wrong, we could not look. */
const TRY_AGAIN_LATER = 1013;

/**
 * Finds out who is on the other end, or closes the connection: by the session cookie of the handshake, else by a first message that
 * carries a token, within the time given. The answer is the principal, or null when the connection is closed or closing.
 */
export async function admit(connection: LiveConnection, options: AdmissionOptions): Promise<KnownPrincipal | null> {
  const { handshake } = connection;
  connection.limitReceived(MAX_BYTES_BEFORE);
  const tooLate = setTimeout(() => {
    connection.close(liveCloseCodes.notAuthenticated, 'not authenticated in time');
  }, options.withinMs);
  try {
    const principal = (await byCookie(connection, options)) ?? (await byFirstMessage(connection, options));
    return connection.isOpen ? principal : null;
  } catch (error) {
    options.log.error({ err: error, address: handshake.address }, 'a live connection could not be authenticated');
    connection.close(TRY_AGAIN_LATER, 'try again later');
    return null;
  } finally {
    clearTimeout(tooLate);
    connection.limitReceived(null);
  }
}

async function byCookie(connection: LiveConnection, options: AdmissionOptions): Promise<UserPrincipal | null> {
  const { cookie, origin } = connection.handshake;
  const token = cookie === undefined ? undefined : sessionCookie(cookie);
  if (token === undefined) return null;
  const principal = await options.authentication.session(token);
  if (principal === null) {
    charge(connection, options);
    options.reports.refused('not_authenticated', { address: connection.handshake.address });
    return null;
  }
  // Browsers open WebSockets across sites without asking and send the cookie along; only the Origin says which page it was
  // (RFC 6455, 10.2). Everything after the handshake can read and write, so there is no harmless subset.
  if (origin !== options.publicOrigin) {
    options.reports.refused('origin_refused', { address: connection.handshake.address, principal });
    options.log.warn(
      { event: 'access.refused', status: 403, route: 'live', address: connection.handshake.address },
      'a live connection came from another origin',
    );
    connection.close(liveCloseCodes.refused, 'wrong origin');
    return null;
  }
  return principal;
}

async function byFirstMessage(connection: LiveConnection, options: AdmissionOptions): Promise<KnownPrincipal | null> {
  // Let to here by a cookie that proved nothing.
  if (options.blocks.of(connection.handshake.address)) {
    options.reports.refused('address_blocked', { address: connection.handshake.address });
    connection.close(liveCloseCodes.refused, 'address blocked');
    return null;
  }
  const text = await firstMessage(connection);
  if (text === null) return null;
  const token = tokenOf(text);
  const principal =
    token === undefined ? null : await options.authentication.bearer(token, connection.handshake.address);
  if (typeof principal === 'object' && principal !== null) return principal;
  charge(connection, options);
  options.reports.refused('not_authenticated', { address: connection.handshake.address });
  options.log.warn(
    { event: 'access.refused', status: 401, route: 'live', address: connection.handshake.address },
    'a live connection was not authenticated',
  );
  // A proof names one request by method and address (RFC 9449, 4.2). Here one token would open a connection that outlives any proof.
  const words = principal === null ? 'not authenticated' : 'credentials bound to a key are not taken here';
  connection.close(liveCloseCodes.notAuthenticated, words);
  return null;
}

/** The connection arrives held and leaves held, so nothing is read before somebody listens. */
function firstMessage(connection: LiveConnection): Promise<string | null> {
  return new Promise((resolve) => {
    if (!connection.isOpen) return resolve(null);
    connection.onEnd(() => resolve(null));
    connection.onMessage((text) => {
      connection.hold('checking');
      resolve(text);
    });
    connection.release('checking');
  });
}

function tokenOf(text: string): string | undefined {
  try {
    return liveAuth.safeParse(parseJsonText(text)).data?.token;
  } catch {
    return undefined;
  }
}

/** The next handshakes of this address pay for it. */
function charge(connection: LiveConnection, { limiter }: AdmissionOptions): void {
  limiter.take(`coarse:${connection.handshake.addressKey}`, rates.coarseAddress, REFUSAL_COST);
}
