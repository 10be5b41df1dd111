import { constants, hash } from 'node:crypto';
import type { SecureContextOptions, TLSSocket } from 'node:tls';

/** What a client showed in the handshake. `fingerprint`: SHA-256 of the DER. */
export type ClientCertificate =
  | { readonly verified: true; readonly fingerprint: Buffer }
  | { readonly verified: false; readonly reason: string };

/**
 * Undefined where the client showed none. A certificate of any authority, or of nobody, can be read from the socket; only one that was
 * verified against the authority for clients (`authorized`) says anything. And `authorized` alone says nothing either: without a
 * certificate there was nothing to find fault with.
 */
export function clientCertificateOf(socket: TLSSocket): ClientCertificate | undefined {
  const certificate = socket.getPeerX509Certificate();
  if (!certificate) return undefined;
  if (!socket.authorized) return { verified: false, reason: String(socket.authorizationError) };
  return { verified: true, fingerprint: hash('sha256', certificate.raw, 'buffer') };
}

/**
 * For a listener that asks for certificates. A resumed session shows none: it carries the verdict of an earlier handshake, so an expired
 * certificate would go on for as long as its tickets do. Tickets are off, and Node keeps no sessions of its own.
 */
export const withoutResumption = (context: SecureContextOptions): SecureContextOptions => ({
  ...context,
  secureOptions: (context.secureOptions ?? 0) | constants.SSL_OP_NO_TICKET,
});
