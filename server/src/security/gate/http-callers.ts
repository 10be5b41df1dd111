import type { FastifyRequest } from 'fastify';
import type { AddressList } from '../../platform/config/addresses.ts';
import type { DevicePrincipal } from '../access/principal.ts';
import { addressKey, clientAddress, normalAddress } from '../shield/client-address.ts';

/** The other end of a connection. */
export interface Caller {
  readonly address: string;
  /** The address as limits count it. */
  readonly addressKey: string;
  /** What this connection began with, on the listeners that let nobody in without. */
  readonly certificate: ShownCertificate | undefined;
  /**
   * The last credential that let a device in here, so that its next request need not be hashed and looked up again. Without
   * `authorization` it was the certificate.
   */
  proven: { readonly authorization: string | undefined; readonly device: DevicePrincipal } | undefined;
}

/** A certificate whose key the other end holds. A device's was issued by us; a program's says only that it is the same program again. */
export interface ShownCertificate {
  readonly of: 'device' | 'program';
  /** SHA-256 of the DER. */
  readonly fingerprint: Buffer;
}

export type CertificateOf = (socket: FastifyRequest['socket']) => ShownCertificate | undefined;

/**
 * Who sends. A connection of ours ends at one caller, so what is known of it holds for all its requests. Behind a trusted proxy every
 * request may come from somebody else: each is then a caller of its own, and nobody's credential is ever compared with another's.
 */
export function createHttpCallers(
  trustedProxies: AddressList,
  certificateOf: CertificateOf = () => undefined,
): (request: FastifyRequest) => Caller {
  const direct = new WeakMap<FastifyRequest['socket'], Caller>();

  return ({ socket, headers }) => {
    const known = direct.get(socket);
    if (known) return known;
    const { remoteAddress } = socket;
    const certificate = certificateOf(socket);
    // Where the client's own TLS ends here, whatever lies between has written no header: it can only be the client's word.
    const forwardedFor = certificate ? undefined : headers['x-forwarded-for'];
    const address = clientAddress(remoteAddress, forwardedFor, trustedProxies);
    const caller: Caller = { address, addressKey: addressKey(address), certificate, proven: undefined };
    if (certificate) {
      direct.set(socket, caller);
      return caller;
    }
    const isDirect = remoteAddress !== undefined && !trustedProxies.contains(normalAddress(remoteAddress) ?? '');
    if (isDirect) direct.set(socket, caller);
    return caller;
  };
}
