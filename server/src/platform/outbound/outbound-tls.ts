import { isIP } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { connectionFault } from './connection-fault.ts';
import { OutboundError } from './outbound-error.ts';
import { type TlsIdentity, tlsOptions } from './tls-identity.ts';
import { unlessAborted } from './unless-aborted.ts';
import { createVetting, type VettingOptions } from './vetting.ts';

export interface TlsTarget extends TlsIdentity {
  readonly host: string;
  readonly port: number;
  /** Whom the certificate must name, where it is not the host. */
  readonly serverName?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Connections over TLS to hosts that users gave, for what is not HTTP. The same hosts as there may be reached. */
export interface OutboundTls {
  fault(host: string): string | undefined;
  /** A connection to whom the certificate says it is, by the system's authorities or those given. */
  connect(target: TlsTarget): Promise<TLSSocket>;
}

const TIMEOUT_MS = 10_000;
const KEEP_ALIVE_MS = 15_000;

export function createOutboundTls(options: VettingOptions & { readonly timeoutMs?: number }): OutboundTls {
  const vetting = createVetting(options);
  const milliseconds = options.timeoutMs ?? TIMEOUT_MS;

  async function open(target: TlsTarget, signal: AbortSignal): Promise<TLSSocket> {
    const address = await unlessAborted(vetting.addressOf(target.host, true), signal);
    const named = target.serverName ?? target.host;
    // An address is no server name (RFC 6066), but is what the certificate is held against.
    const name = isIP(named) === 0 ? { servername: named } : {};
    const socket = connectTls({
      host: address,
      port: target.port,
      ...name,
      ...tlsOptions(target),
      minVersion: 'TLSv1.2',
    });
    const { promise, resolve, reject } = Promise.withResolvers<TLSSocket>();
    socket.once('secureConnect', () => resolve(socket));
    socket.once('error', reject);
    // The peer may hang up in the middle of the handshake without an error.
    socket.once('close', () => reject(new OutboundError('unreachable', 'the target ended the connection')));
    try {
      return await unlessAborted(promise, signal);
    } catch (error) {
      socket.on('error', () => undefined);
      socket.destroy();
      throw error;
    }
  }

  return {
    fault: (host) => vetting.fault(host, true),

    async connect(target) {
      const problem = vetting.fault(target.host, true);
      if (problem !== undefined) throw new OutboundError('refused', `the target ${problem}`);
      const timeout = AbortSignal.timeout(milliseconds);
      const signal = target.signal === undefined ? timeout : AbortSignal.any([timeout, target.signal]);
      try {
        const socket = await open(target, signal);
        socket.setKeepAlive(true, KEEP_ALIVE_MS);
        return socket;
      } catch (error) {
        if (timeout.aborted)
          throw new OutboundError('timeout', `the target did not answer within ${milliseconds / 1000} s`, {
            cause: error,
          });
        throw connectionFault(error);
      }
    },
  };
}
