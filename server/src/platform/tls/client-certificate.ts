import { constants, hash } from 'node:crypto';
import type { SecureContextOptions, TLSSocket } from 'node:tls';

/** What a client showed in the handshake. `fingerprint`: SHA-256 of the DER. */
export type ClientCertificate =
  | { readonly verified: true; readonly fingerprint: Buffer }
  | { readonly verified: false; readonly fingerprint: Buffer; readonly reason: string };

/**
 * Undefined where the client showed none. A certificate of any authority, or of nobody, can be read from the socket; only one that was
 * verified against the authority for clients (`authorized`) says who that is. And `authorized` alone says nothing either: without a
 * certificate there was nothing to find fault with.
 */
export function clientCertificateOf(socket: TLSSocket): ClientCertificate | undefined {
  const certificate = socket.getPeerX509Certificate();
  if (!certificate) return undefined;
  const fingerprint = hash('sha256', certificate.raw, 'buffer');
  return socket.authorized
    ? { verified: true, fingerprint }
    : { verified: false, fingerprint, reason: String(socket.authorizationError) };
}

/**
 * For a listener that asks for certificates. A resumed session shows none: it carries the verdict of an earlier handshake, so an expired
 * certificate would go on for as long as its tickets do. Tickets are off, and Node keeps no sessions of its own.
 */
export const withoutResumption = (context: SecureContextOptions): SecureContextOptions => ({
  ...context,
  secureOptions: (context.secureOptions ?? 0) | constants.SSL_OP_NO_TICKET,
});
