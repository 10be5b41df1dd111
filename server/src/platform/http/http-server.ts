import { createServer as createPlainServer, type Server, STATUS_CODES } from 'node:http';
import { createServer as createTlsServer, type Server as TlsServer } from 'node:https';
import type { Socket } from 'node:net';
import type { SecureContextOptions } from 'node:tls';
import type { ProblemCode } from '@valtronics/contract';
import Fastify, { type FastifyInstance } from 'fastify';
import { newId } from '../../lib/ids.ts';
import { Problem, problemBody } from '../../lib/problem.ts';

export interface HttpServerOptions {
  /** Undefined: plain HTTP, on loopback or behind a trusted proxy only (the configuration checks that). */
  readonly tls: { secureContextOptions(): SecureContextOptions; onRenew(listener: () => void): void } | undefined;
  readonly maxConnections: number;
  /** Of the answers given before a request is one: what cannot be parsed has no route and meets no hook. */
  readonly refusalHeaders: Readonly<Record<string, string>>;
  /** Hears of what was no request: not HTTP, too long, too slow. Not of connections on which nothing ever came. */
  readonly onUnparsed?: ((socket: Socket | undefined, code: ProblemCode) => void) | undefined;
}

export interface HttpServer {
  readonly app: FastifyInstance;
  readonly server: Server | TlsServer;
  /** The same application behind another door; the caller listens on it and closes it. */
  serveAlso(server: TlsServer): void;
  listen(address: { host: string; port: number }): Promise<{ port: number }>;
  close(): Promise<void>;
}

// A sender that trickles its request holds a socket no longer than this (slow-loris); Node looks every second.
const timeouts = {
  handshakeTimeout: 5_000,
  headersTimeout: 5_000,
  requestTimeout: 8_000,
  keepAliveTimeout: 30_000,
  connectionsCheckingInterval: 1_000,
};
const MAX_HEADER_BYTES = 16_384;
/** Of every listener for HTTP. */
export const serverLimits = { ...timeouts, maxHeaderSize: MAX_HEADER_BYTES };
const DEFAULT_BODY_BYTES = 65_536;
const CLOSE_WITHIN_MS = 5_000;
const LAST_WORD_MS = 1_000;

function secureServer(tls: NonNullable<HttpServerOptions['tls']>): TlsServer {
  const server = createTlsServer({ ...tls.secureContextOptions(), ...serverLimits });
  tls.onRenew(() => server.setSecureContext(tls.secureContextOptions()));
  return server;
}

/** The bare HTTP server: sockets, TLS, time-outs and limits. What is served on it is the gate's business. */
export function createHttpServer(options: HttpServerOptions): HttpServer {
  const { tls, maxConnections } = options;
  const server = tls ? secureServer(tls) : createPlainServer(serverLimits);
  server.maxConnections = maxConnections;
  server.maxRequestsPerSocket = 0;

  let attach: (to: Server | TlsServer) => void = () => {};
  const onClientError = (error: { readonly code?: string }, socket: Socket) => refuseUnparsed(error, socket, options);
  const app = Fastify({
    serverFactory: (handler) => {
      attach = (to) => {
        to.on('request', handler);
        // An expectation we do not know is no reason for an answer of Node's own (RFC 9110, 10.1.1 lets us ignore it).
        to.on('checkExpectation', handler);
      };
      attach(server);
      return server;
    },
    clientErrorHandler: onClientError,
    frameworkErrors(error, _request, reply) {
      const problem = error.code === 'FST_ERR_MAX_PARAM_LENGTH' ? new Problem('not_found') : badAddress();
      const { status, headers, body } = answerTo(problem, options.refusalHeaders);
      options.onUnparsed?.(reply.raw.socket ?? undefined, problem.code);
      reply.raw.writeHead(status, { ...headers, 'content-length': Buffer.byteLength(body) }).end(body);
    },
    logger: false,
    bodyLimit: DEFAULT_BODY_BYTES,
    genReqId: () => newId(),
    exposeHeadRoutes: true,
    return503OnClosing: false,
    forceCloseConnections: false,
    routerOptions: { maxParamLength: 200, caseSensitive: true, ignoreTrailingSlash: false },
  });

  return {
    app,
    server,
    serveAlso(other) {
      attach(other);
      other.on('clientError', onClientError);
    },
    async listen({ host, port }) {
      await app.listen({ host, port });
      const address = server.address();
      if (address === null || typeof address === 'string') throw new Error('the server has no address');
      return { port: address.port };
    },
    close: () => closeServer(server, () => app.close()),
  };
}

/** Requests under way may finish; idle keep-alive sockets and stragglers are cut. */
export async function closeServer(server: Server | TlsServer, close: () => Promise<void>): Promise<void> {
  const straggler = setTimeout(() => server.closeAllConnections(), CLOSE_WITHIN_MS);
  server.closeIdleConnections();
  try {
    await close();
  } finally {
    clearTimeout(straggler);
  }
}

const badAddress = () => new Problem('invalid_request', { detail: 'The address is not a valid URL.' });

function answerTo(problem: Problem, refusalHeaders: HttpServerOptions['refusalHeaders']) {
  const headers = { ...refusalHeaders, 'content-type': 'application/problem+json' };
  return { status: problem.status, headers, body: JSON.stringify(problemBody(problem, newId())) };
}

/** What came is not HTTP, too long, or too slow. The parser has given up on the socket, so the answer is written by hand and it ends. */
function refuseUnparsed(
  error: { readonly code?: string },
  socket: Socket,
  { refusalHeaders, onUnparsed }: HttpServerOptions,
): void {
  // Of TLS, or of the network: there is nothing to write an answer on, and one that is never written would keep the socket for ever.
  if (!/^(HPE|ERR_HTTP)_/.test(error.code ?? '') || !socket.writable) {
    socket.destroy();
    return;
  }
  const problem =
    error.code === 'HPE_HEADER_OVERFLOW'
      ? new Problem('headers_too_large')
      : error.code === 'ERR_HTTP_REQUEST_TIMEOUT'
        ? new Problem('request_timeout')
        : new Problem('invalid_request', { detail: 'This is not HTTP as it should be.' });
  // Browsers open connections ahead of need and may send nothing on them; that is no request that was too slow.
  if (socket.bytesRead > 0) onUnparsed?.(socket, problem.code);
  const { status, headers, body } = answerTo(problem, refusalHeaders);
  const head = Object.entries({ ...headers, 'content-length': String(Buffer.byteLength(body)), connection: 'close' });
  const lines = [`HTTP/1.1 ${status} ${STATUS_CODES[status]}`, ...head.map(([name, value]) => `${name}: ${value}`)];
  // Destroyed once it is written, or soon: whoever neither reads nor closes must not keep the socket.
  const soon = setTimeout(() => socket.destroy(), LAST_WORD_MS);
  socket.end(`${lines.join('\r\n')}\r\n\r\n${body}`, () => {
    clearTimeout(soon);
    socket.destroy();
  });
}
