import type { IncomingMessage, Server } from 'node:http';
import type { Server as SecureServer } from 'node:https';
import type { Duplex } from 'node:stream';
import { liveCloseCodes } from '@valtronics/contract';
import { type WebSocket, WebSocketServer } from 'ws';
import { newId } from '../../lib/ids.ts';
import type { Logger } from '../log/log.ts';
import type { Metrics } from '../metrics/metrics.ts';
import {
  type AskedHandshake,
  type Handshake,
  type LiveConnection,
  type OwnedConnection,
  openConnection,
} from './connection.ts';
import { type OutboxLimits, outboxLimits } from './outbox.ts';

/** Why a handshake is turned away, as an HTTP answer. */
export interface HandshakeRefusal {
  readonly status: 403 | 429 | 503;
  readonly retryAfterSeconds?: number | undefined;
}

export interface LiveServer {
  /** Serves the path on the upgrade requests of this server; every other upgrade is answered 404. */
  attach(server: Server | SecureServer): void;
  /** Asked before a handshake is answered, also where nothing is; the first refusal counts. */
  onHandshake(check: (handshake: AskedHandshake) => HandshakeRefusal | undefined): void;
  onConnection(listener: (connection: LiveConnection) => void): void;
  readonly size: number;
  /** Takes no more connections, tells the open ones that we restart, and waits for them for as long as the grace lasts. */
  close(): Promise<void>;
}

export interface LiveServerOptions {
  readonly path: string;
  readonly log: Logger;
  readonly metrics: Pick<Metrics, 'liveSent' | 'liveSkipped' | 'liveClosed' | 'watch'>;
  /** Who is calling, and the key under which that is counted. */
  readonly addressOf: (request: IncomingMessage) => { readonly address: string; readonly key: string };
  /** Headers of every answer that refuses a handshake. */
  readonly refusalHeaders: Readonly<Record<string, string>>;
  readonly limits?: Partial<LiveLimits> | undefined;
}

export interface LiveLimits {
  readonly connections: number;
  readonly connectionsPerAddress: number;
  readonly frameBytes: number;
  readonly heartbeatSeconds: number;
  readonly closeGraceMs: number;
  readonly outbox: OutboxLimits;
}

const defaults: LiveLimits = {
  connections: 10_000,
  // A site behind one address may be large; ten of them fill the house.
  connectionsPerAddress: 1000,
  frameBytes: 1_048_576,
  heartbeatSeconds: 30,
  // An ended entitlement must have ended everything within a second, also where the peer does not listen.
  closeGraceMs: 700,
  outbox: outboxLimits,
};

// The heart beats for a part of the connections at a time: ten thousand pings at once would delay everybody's messages.
const HEARTBEAT_PARTS = 10;
// A message in very many tiny fragments costs far more memory than its bytes.
const MAX_FRAGMENTS = 1024;

const STATUS_TEXT = { 403: 'Forbidden', 404: 'Not Found', 429: 'Too Many Requests', 503: 'Service Unavailable' };

export function createLiveServer(options: LiveServerOptions): LiveServer {
  const { log, metrics } = options;
  const limits = { ...defaults, ...options.limits };
  const parts = Array.from({ length: HEARTBEAT_PARTS }, () => new Set<OwnedConnection>());
  const perAddress = new Map<string, number>();
  const checks: ((handshake: AskedHandshake) => HandshakeRefusal | undefined)[] = [];
  const listeners: ((connection: LiveConnection) => void)[] = [];
  let size = 0;
  let opened = 0;
  let beats = 0;
  let closing = false;
  let emptied: (() => void) | undefined;

  const webSockets = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    // Compression would mix secrets with what others chose, and cost memory for each connection.
    perMessageDeflate: false,
    maxPayload: limits.frameBytes,
    maxFragments: MAX_FRAGMENTS,
    autoPong: false,
  });

  const heart = setInterval(
    () => {
      beats += 1;
      for (const connection of parts[beats % HEARTBEAT_PARTS] ?? []) connection.beat();
    },
    (limits.heartbeatSeconds * 1000) / HEARTBEAT_PARTS,
  );
  heart.unref();
  metrics.watch('liveConnections', () => size);

  function refuse(stream: Duplex, status: keyof typeof STATUS_TEXT, retryAfterSeconds?: number): void {
    const headers = { ...options.refusalHeaders, connection: 'close', 'content-length': '0' };
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`);
    if (retryAfterSeconds !== undefined) lines.push(`retry-after: ${Math.max(1, Math.ceil(retryAfterSeconds))}`);
    stream.once('finish', () => stream.destroy());
    stream.end(`HTTP/1.1 ${status} ${STATUS_TEXT[status]}\r\n${lines.join('\r\n')}\r\n\r\n`);
  }

  function refusalOf(handshake: AskedHandshake): HandshakeRefusal | undefined {
    if (closing) return { status: 503, retryAfterSeconds: 5 };
    if (size >= limits.connections) return { status: 503, retryAfterSeconds: 10 };
    if ((perAddress.get(handshake.addressKey) ?? 0) >= limits.connectionsPerAddress) {
      return { status: 429, retryAfterSeconds: 10 };
    }
    for (const check of checks) {
      const refusal = check(handshake);
      if (refusal !== undefined) return refusal;
    }
    return undefined;
  }

  function onUpgrade(request: IncomingMessage, stream: Duplex, head: Buffer): void {
    // Until the handshake is done nobody else listens, and an unheard error would end the process.
    const ignore = (): void => void stream.destroy();
    stream.on('error', ignore);
    const { address, key } = options.addressOf(request);
    const handshake: Handshake = {
      address,
      addressKey: key,
      cookie: request.headers.cookie,
      origin: request.headers.origin,
      userAgent: request.headers['user-agent']?.slice(0, 512),
    };
    const { url: target = '', headers } = request;
    // Nothing is taken from the address line: a token written there would end up in logs.
    const isElsewhere = target !== options.path;
    const refusal = refusalOf({ ...handshake, target, headers, isElsewhere });
    if (refusal !== undefined) {
      refuse(stream, refusal.status, refusal.retryAfterSeconds);
      return;
    }
    if (isElsewhere) {
      refuse(stream, 404);
      return;
    }
    webSockets.handleUpgrade(request, stream, head, (socket) => {
      stream.off('error', ignore);
      accept(socket, stream, handshake);
    });
  }

  function accept(socket: WebSocket, stream: Duplex, handshake: Handshake): void {
    const connection = openConnection({
      id: newId(),
      handshake,
      socket,
      stream,
      outbox: limits.outbox,
      metrics,
      closeGraceMs: limits.closeGraceMs,
    });
    const part = parts[opened++ % HEARTBEAT_PARTS];
    part?.add(connection);
    size += 1;
    perAddress.set(handshake.addressKey, (perAddress.get(handshake.addressKey) ?? 0) + 1);
    connection.onEnd((code) => {
      part?.delete(connection);
      size -= 1;
      const left = (perAddress.get(handshake.addressKey) ?? 1) - 1;
      if (left > 0) perAddress.set(handshake.addressKey, left);
      else perAddress.delete(handshake.addressKey);
      log.debug({ connectionId: connection.id, code }, 'live connection ended');
      if (size === 0) emptied?.();
    });
    for (const listener of listeners) listener(connection);
  }

  return {
    attach(server) {
      server.on('upgrade', onUpgrade);
    },
    onHandshake: (check) => {
      checks.push(check);
    },
    onConnection: (listener) => {
      listeners.push(listener);
    },
    get size() {
      return size;
    },
    async close() {
      // The upgrade listener stays: without one, the server would treat an upgrade as an ordinary request while it drains.
      closing = true;
      clearInterval(heart);
      if (size === 0) return;
      const empty = new Promise<void>((resolve) => {
        emptied = resolve;
      });
      let bound: NodeJS.Timeout | undefined;
      const late = new Promise<void>((resolve) => {
        bound = setTimeout(resolve, limits.closeGraceMs * 2);
      });
      for (const part of parts)
        for (const connection of part) connection.close(liveCloseCodes.restarting, 'restarting');
      await Promise.race([empty, late]);
      clearTimeout(bound);
      for (const part of parts) for (const connection of part) connection.destroy();
    },
  };
}
