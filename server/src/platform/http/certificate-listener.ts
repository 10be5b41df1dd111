import { createServer } from 'node:https';
import type { Socket } from 'node:net';
import type { SecureContextOptions, TLSSocket } from 'node:tls';
import { clientCertificateOf, withoutResumption } from '../tls/client-certificate.ts';
import { closeServer, type HttpServer, serverLimits } from './http-server.ts';

export interface CertificateListener {
  /** SHA-256 of the certificate that was accepted; undefined: not a connection of this listener. */
  certificateOf(socket: Socket): Buffer | undefined;
  listen(address: { host: string; port: number }): Promise<{ port: number }>;
  close(): Promise<void>;
}

export interface CertificateListenerOptions {
  readonly http: Pick<HttpServer, 'serveAlso'>;
  /** The server's certificate and, as `ca`, the one authority whose certificates verify, if any do. */
  readonly tls: { secureContextOptions(): SecureContextOptions; onRenew(listener: () => void): void };
  /**
   * Which are accepted: those the authority signed, or whichever the client holds the key of. The handshake proves that of every
   * certificate (RFC 8446, 4.4.3), also of one that nobody signed.
   */
  readonly accepts: 'verified' | 'any';
  readonly maxConnections: number;
  readonly onRefused: (refused: { readonly address: string | undefined; readonly reason: string }) => void;
}

/** HTTPS that begins with a client's certificate: without one that is accepted, not a byte of a request is read. */
export function createCertificateListener(options: CertificateListenerOptions): CertificateListener {
  const { http, tls, accepts, maxConnections, onRefused } = options;
  const accepted = new WeakMap<Socket, Buffer>();
  const context = () => withoutResumption(tls.secureContextOptions());
  const server = createServer({
    ...serverLimits,
    ...context(),
    minVersion: 'TLSv1.3',
    requestCert: true,
    // Node would hang up without a word to us; the same is done below, and told.
    rejectUnauthorized: false,
  });
  server.maxConnections = maxConnections;
  tls.onRenew(() => server.setSecureContext(context()));
  // Before the listener by which Node begins to read.
  server.prependListener('secureConnection', (socket: TLSSocket) => {
    const certificate = clientCertificateOf(socket);
    if (certificate?.verified || (certificate && accepts === 'any')) {
      accepted.set(socket, certificate.fingerprint);
      return;
    }
    onRefused({ address: socket.remoteAddress, reason: certificate?.reason ?? 'no certificate' });
    socket.destroy();
  });
  http.serveAlso(server);

  return {
    certificateOf: (socket) => accepted.get(socket),
    async listen(address) {
      await new Promise<void>((resolve, reject) => {
        server.once('error', reject);
        server.listen(address, () => {
          server.off('error', reject);
          resolve();
        });
      });
      const bound = server.address();
      if (bound === null || typeof bound === 'string') throw new Error('the server has no address');
      return { port: bound.port };
    },
    close: () =>
      closeServer(
        server,
        () => new Promise((resolve) => (server.listening ? server.close(() => resolve()) : resolve())),
      ),
  };
}
