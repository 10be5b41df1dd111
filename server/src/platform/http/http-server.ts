import { createServer as createPlainServer, type Server } from 'node:http';
import { createServer as createTlsServer, type Server as TlsServer } from 'node:https';
import type { SecureContextOptions } from 'node:tls';
import Fastify, { type FastifyInstance } from 'fastify';
import { newId } from '../../lib/ids.ts';

export interface HttpServerOptions {
  /** Undefined: plain HTTP, on loopback or behind a trusted proxy only (the configuration checks that). */
  readonly tls: { secureContextOptions(): SecureContextOptions; onRenew(listener: () => void): void } | undefined;
  readonly maxConnections: number;
}

export interface HttpServer {
  readonly app: FastifyInstance;
  readonly server: Server | TlsServer;
  listen(address: { host: string; port: number }): Promise<{ port: number }>;
  close(): Promise<void>;
}

// A sender that trickles its request holds a socket no longer than this (slow-loris); Node looks every second.
const timeouts = {
  headersTimeout: 5_000,
  requestTimeout: 8_000,
  keepAliveTimeout: 30_000,
  connectionsCheckingInterval: 1_000,
};
const MAX_HEADER_BYTES = 16_384;
const DEFAULT_BODY_BYTES = 65_536;
const CLOSE_WITHIN_MS = 5_000;

function secureServer(tls: NonNullable<HttpServerOptions['tls']>, limits: typeof timeouts): TlsServer {
  const server = createTlsServer({ ...tls.secureContextOptions(), ...limits, handshakeTimeout: 5_000 });
  tls.onRenew(() => server.setSecureContext(tls.secureContextOptions()));
  return server;
}

/** The bare HTTP server: sockets, TLS, time-outs and limits. What is served on it is the gate's business. */
export function createHttpServer({ tls, maxConnections }: HttpServerOptions): HttpServer {
  const limits = { ...timeouts, maxHeaderSize: MAX_HEADER_BYTES };
  const server = tls ? secureServer(tls, limits) : createPlainServer(limits);
  server.maxConnections = maxConnections;
  server.maxRequestsPerSocket = 0;

  const app = Fastify({
    serverFactory: (handler) => {
      server.on('request', handler);
      return server;
    },
    logger: false,
    bodyLimit: DEFAULT_BODY_BYTES,
    genReqId: () => newId(),
    exposeHeadRoutes: false,
    return503OnClosing: false,
    forceCloseConnections: false,
    routerOptions: { maxParamLength: 200, caseSensitive: true, ignoreTrailingSlash: false },
  });

  return {
    app,
    server,
    async listen({ host, port }) {
      await app.listen({ host, port });
      const address = server.address();
      if (address === null || typeof address === 'string') throw new Error('the server has no address');
      return { port: address.port };
    },
    async close() {
      // Requests under way may finish; idle keep-alive sockets and stragglers are cut.
      const straggler = setTimeout(() => server.closeAllConnections(), CLOSE_WITHIN_MS);
      server.closeIdleConnections();
      try {
        await app.close();
      } finally {
        clearTimeout(straggler);
      }
    },
  };
}
