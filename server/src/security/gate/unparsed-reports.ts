import type { Socket } from 'node:net';
import type { FastifyRequest } from 'fastify';
import type { AddressList } from '../../platform/config/addresses.ts';
import type { Principal } from '../access/principal.ts';
import type { SecurityEvents } from '../events/security-event.ts';
import { normalAddress } from '../shield/client-address.ts';
import { browserMark } from './browser-mark.ts';
import { whoOf } from './reported-principal.ts';

/** Whose connection it is, as far as the last request says that was let in on it. */
interface Standing {
  readonly principal: Principal;
  readonly mark: ReturnType<typeof browserMark>;
}

/**
 * What ended before it was a request: no HTTP, a head that is too long, a head or a body that did not come in time. Only the connection is left
 * to tell whose it was. It is told, since a whole site behind one bad line has one address: its devices and people must not count as the
 * strangers of whom twenty are a reason to let nothing in from there.
 */
export function createUnparsedReports({
  events,
  trustedProxies,
}: {
  events: SecurityEvents;
  trustedProxies: AddressList;
}) {
  const standings = new WeakMap<Socket, Standing>();

  return {
    /** A request was let in; its body, if it has one, is still to come. */
    letIn({ raw, headers }: Pick<FastifyRequest, 'raw' | 'headers'>, principal: Principal): void {
      const mark = browserMark({ headers });
      if (principal.kind === 'anonymous' && !mark.browser) standings.delete(raw.socket);
      else standings.set(raw.socket, { principal, mark });
    },
    report(socket: Socket | undefined, reason: string): void {
      const address = normalAddress(socket?.remoteAddress ?? '');
      const about = { action: 'request.malformed', outcome: 'failure', transport: 'http', reason } as const;
      // Behind a proxy nobody knows whose it was, and it is not the proxy's; a connection of its own carries many people's requests.
      if (socket === undefined || address === undefined || trustedProxies.contains(address)) {
        events.report({ ...about, address: null });
        return;
      }
      const standing = standings.get(socket);
      events.report({ ...about, address, ...whoOf(standing?.principal), ...(standing && { details: standing.mark }) });
    },
  };
}
export type UnparsedReports = ReturnType<typeof createUnparsedReports>;
