import { createServer as createPlainServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer, type SecureContextOptions } from 'node:tls';
import type { Logger } from '../log/log.ts';
import { type ClientCertificate, clientCertificateOf, withoutResumption } from '../tls/client-certificate.ts';
import type { MqttLimits } from './limits.ts';

export interface TlsListenOptions {
  readonly host: string;
  readonly port: number;
  readonly secureContext: SecureContextOptions;
  /** Ask clients for a certificate; `secureContext.ca` then holds the one authority for clients and no other. */
  readonly requestCertificate?: boolean;
}

export interface Listening {
  readonly port: number;
}
export interface TlsListening extends Listening {
  /** New connections get the new certificate; open ones go on with theirs. */
  renew(secureContext: SecureContextOptions): void;
}

export interface Arrival {
  readonly socket: Socket;
  /** The TCP socket: the same as `socket` unless TLS lies between. */
  readonly transport: Socket;
  readonly certificate: ClientCertificate | undefined;
}

export interface Listeners {
  listenTls(options: TlsListenOptions): Promise<TlsListening>;
  listenPlain(options: { host: string; port: number }): Promise<Listening>;
  /** Takes no new connections. */
  stop(): void;
}

const LOOPBACK = new Set(['127.0.0.1', '::1', 'localhost']);
const KEEPALIVE_PROBE_MS = 60_000;

export function createListeners(deps: {
  limits: MqttLimits;
  log: Logger;
  /** TCP is open; nothing is proven, TLS has not begun. False: there is no room. */
  onTransport: (socket: Socket) => boolean;
  onArrival: (arrival: Arrival) => void;
}): Listeners {
  const { limits, log, onTransport, onArrival } = deps;
  const servers = new Set<Server>();
  const options = { noDelay: true, keepAlive: true, keepAliveInitialDelay: KEEPALIVE_PROBE_MS };

  async function listen(server: Server, host: string, port: number): Promise<number> {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen({ host, port, backlog: 1024 }, () => {
        server.off('error', reject);
        resolve();
      });
    });
    // For example out of file descriptors: the listener lives on.
    server.on('error', (error) => log.error({ err: error }, 'the MQTT listener failed'));
    servers.add(server);
    const address = server.address();
    return typeof address === 'object' && address !== null ? address.port : port;
  }

  function takeTransport(socket: Socket): void {
    // A reset before the layer above listens must not become an uncaught error.
    socket.on('error', () => {});
    if (!onTransport(socket)) socket.destroy();
  }

  return {
    async listenTls({ host, port, secureContext, requestCertificate = false }) {
      const transports = new Map<string, Socket>();
      const fit = (context: SecureContextOptions): SecureContextOptions => ({
        ...(requestCertificate ? withoutResumption(context) : context),
        minVersion: 'TLSv1.3',
      });
      const server = createTlsServer({
        ...options,
        ...fit(secureContext),
        handshakeTimeout: limits.handshakeMs,
        requestCert: requestCertificate,
        // A client may come with a token instead; whether a certificate counts is told below.
        rejectUnauthorized: false,
      });
      server.on('connection', (socket) => {
        takeTransport(socket);
        if (socket.destroyed) return;
        const peer = peerOf(socket);
        transports.set(peer, socket);
        socket.once('close', () => {
          if (transports.get(peer) === socket) transports.delete(peer);
        });
      });
      server.on('secureConnection', (socket) => {
        const transport = transports.get(peerOf(socket)) ?? socket;
        onArrival({ socket, transport, certificate: clientCertificateOf(socket) });
      });
      server.on('tlsClientError', (error, socket) => {
        log.debug({ err: error, address: socket.remoteAddress }, 'a TLS handshake on the MQTT port failed');
        socket.destroy();
      });
      return {
        port: await listen(server, host, port),
        renew: (renewed) => server.setSecureContext(fit(renewed)),
      };
    },
    async listenPlain({ host, port }) {
      // Tokens travel in clear here, so it is for this machine only, whatever the configuration says.
      if (!LOOPBACK.has(host)) throw new Error('MQTT without TLS listens on loopback only');
      const server = createPlainServer(options, (socket) => {
        takeTransport(socket);
        if (!socket.destroyed) onArrival({ socket, transport: socket, certificate: undefined });
      });
      return { port: await listen(server, host, port) };
    },
    stop() {
      for (const server of servers) server.close();
    },
  };
}

const peerOf = (socket: Socket) => `${socket.remoteAddress} ${socket.remotePort}`;
