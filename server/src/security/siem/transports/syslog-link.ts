import { setTimeout as delay } from 'node:timers/promises';
import type { TLSSocket } from 'node:tls';
import { connectionFault } from '../../../platform/outbound/connection-fault.ts';
import { OutboundError } from '../../../platform/outbound/outbound-error.ts';
import type { OutboundTls, TlsTarget } from '../../../platform/outbound/outbound-tls.ts';
import type { SecurityEvent } from '../../events/security-event.ts';
import type { Link } from './link.ts';

const WRITE_WITHIN_MS = 30_000;
const CONFIRM_WITHIN_MS = 10_000;
const CLOSE_WITHIN_MS = 2_000;
const QUIET_MS = 500;

export interface SyslogLinkOptions {
  readonly outboundTls: Pick<OutboundTls, 'connect'>;
  readonly target: TlsTarget;
  readonly frame: (event: SecurityEvent) => Buffer;
  readonly writeWithinMs?: number | undefined;
  readonly confirmWithinMs?: number | undefined;
  readonly closeWithinMs?: number | undefined;
}

interface Connection {
  readonly socket: TLSSocket;
  /** Once it is over: in the order we began (undefined), or not. */
  readonly over: Promise<Error | undefined>;
  fault: Error | undefined;
  isEnding: boolean;
}

/**
 * Syslog over TLS (RFC 5425). The protocol has no acknowledgement: what was written lies in buffers of both machines until the receiver's
 * program reads it, and is gone if that dies before. There is one thing a receiver does say: it ends its side of a connection after we ended
 * ours. TLS and TCP deliver in order, so by then it has read everything before; a machine that still held something unread would have
 * answered with a reset. `confirm` asks for exactly this.
 *
 * A receiver that ends by itself sends the same, and may do so while something is on its way that it will never read. So nothing is written
 * for a while before we end: an end that was under way shows in that time. Whoever relies on `confirm` leaves out what was sent just before.
 */
export function createSyslogLink(options: SyslogLinkOptions): Link {
  const { outboundTls, target, frame, writeWithinMs = WRITE_WITHIN_MS } = options;
  const { confirmWithinMs = CONFIRM_WITHIN_MS, closeWithinMs = CLOSE_WITHIN_MS } = options;
  let connection: Connection | undefined;

  async function opened(signal: AbortSignal): Promise<Connection> {
    if (connection !== undefined) return connection;
    connection = watched(await outboundTls.connect({ ...target, signal }));
    return connection;
  }

  return {
    acknowledges: false,

    async connect(signal) {
      await opened(signal);
    },

    async send(events, signal) {
      const { socket, over, fault } = await opened(signal);
      if (fault !== undefined) throw fault;
      const bytes = Buffer.concat(events.map(({ event }) => frame(event)));
      const written = Promise.withResolvers<void>();
      socket.write(bytes, (error) => (error ? written.reject(connectionFault(error)) : written.resolve()));
      // A receiver that does not read for so long is as good as gone; the write must not wait for ever.
      const brokenOff = over.then((fault): never => {
        throw fault ?? brokeOff();
      });
      await withinTime(Promise.race([written.promise, brokenOff]), writeWithinMs, 'the target stopped reading');
      return { refused: 0, answer: `written over ${socket.getProtocol()}` };
    },

    fault: () => connection?.fault,

    async confirm() {
      const ending = connection;
      if (ending === undefined) return;
      await Promise.race([delay(QUIET_MS, undefined, { ref: false }), ending.over]);
      if (ending.fault !== undefined) throw ending.fault;
      ending.isEnding = true;
      ending.socket.end();
      try {
        const fault = await withinTime(ending.over, confirmWithinMs, 'the target did not read to the end');
        if (fault !== undefined) throw fault;
      } catch (error) {
        ending.fault = error instanceof Error ? error : brokeOff();
        ending.socket.destroy();
        throw error;
      }
      connection = undefined;
    },

    async close() {
      const closing = connection;
      connection = undefined;
      if (closing === undefined) return;
      // What is written still leaves, so that a stop does not lose what only waits for its turn; and it does not leave later beside what the
      // next connection sends.
      closing.isEnding = true;
      // Not destroyed at once: something of the receiver's that is unread here would turn the end into a reset, which costs it what it has not read.
      closing.socket.end();
      await Promise.race([closing.over, delay(closeWithinMs, undefined, { ref: false })]);
      closing.socket.destroy();
    },
  };
}

function watched(socket: TLSSocket): Connection {
  const { promise: over, resolve } = Promise.withResolvers<Error | undefined>();
  const connection: Connection = { socket, over, fault: undefined, isEnding: false };
  const broken = (fault: Error): void => {
    connection.fault ??= fault;
  };
  // A receiver has nothing to say; reading is how its end is noticed.
  socket.resume();
  socket.on('error', (error) => broken(connectionFault(error)));
  socket.on('end', () => {
    if (!connection.isEnding) broken(brokeOff());
  });
  socket.on('close', () => {
    if (!connection.isEnding) broken(brokeOff());
    resolve(connection.fault);
  });
  return connection;
}

const brokeOff = (): OutboundError => new OutboundError('unreachable', 'the target ended the connection');

async function withinTime<T>(work: Promise<T>, milliseconds: number, otherwise: string): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new OutboundError('timeout', otherwise)), milliseconds);
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
