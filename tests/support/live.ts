import { once } from 'node:events';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import {
  alertsStream,
  devicesStream,
  type IngestReceipt,
  securityStream,
  telemetryPublish,
  telemetryStream,
} from '@valtronics/contract';
import { WebSocket } from 'ws';
import { type Clock, systemClock } from '../../server/src/lib/clock.ts';
import { newId } from '../../server/src/lib/ids.ts';
import { createLiveServer, type LiveLimits, type LiveServer } from '../../server/src/platform/live/live-server.ts';
import { createLogger } from '../../server/src/platform/log/log.ts';
import { createMetrics, type Metrics } from '../../server/src/platform/metrics/metrics.ts';
import type { DevicePrincipal, UserPrincipal } from '../../server/src/security/access/principal.ts';
import type { RevocationMatch } from '../../server/src/security/access/revocations.ts';
import { createStreamGate, type LiveStreamGate } from '../../server/src/security/gate/stream-gate.ts';
import type { PublishedMessage, Subscription } from '../../server/src/security/gate/streams.ts';
import { addressKey } from '../../server/src/security/shield/client-address.ts';
import { apiHeaders } from '../../server/src/security/shield/headers.ts';
import { createLimiter } from '../../server/src/security/shield/limiter.ts';
import { aUserPrincipal } from './principals.ts';
import { heardEvents } from './security-events.ts';
import { aSelfSignedCertificate } from './self-signed-certificate.ts';
import { noBlocks } from './shield.ts';

export const aUser = (own: Partial<UserPrincipal> = {}): UserPrincipal => aUserPrincipal(own.role ?? 'operator', own);

export const aDevice = (own: Partial<DevicePrincipal> = {}): DevicePrincipal => ({
  kind: 'device',
  deviceId: newId(),
  organisationId: 1,
  credentialId: newId(),
  deviceType: 'temperature',
  expiresAt: null,
  ...own,
});

type Received = { readonly type: string; readonly [field: string]: unknown };

/** A real WebSocket client that keeps what it hears. */
export interface LiveClient {
  readonly socket: WebSocket;
  readonly received: Received[];
  say(message: unknown): void;
  /** The next message not yet taken. */
  next(): Promise<Received>;
  readonly closed: Promise<number>;
}

export interface LiveHouse {
  readonly live: LiveServer;
  readonly gate: LiveStreamGate;
  readonly metrics: Metrics;
  readonly log: string[];
  readonly port: number;
  /** Credentials that are good: bearer tokens and session cookie tokens. */
  readonly tokens: Map<string, UserPrincipal | DevicePrincipal>;
  readonly sessions: Map<string, UserPrincipal>;
  readonly subscriptions: Subscription<typeof telemetryStream>[];
  readonly ended: number[];
  revoke(match: RevocationMatch): void;
  gap(): void;
  connect(headers?: Record<string, string>): Promise<LiveClient>;
  /** Connects and authenticates. */
  enter(principal: UserPrincipal | DevicePrincipal): Promise<LiveClient>;
  close(): Promise<void>;
}

export interface LiveHouseOptions {
  readonly authenticateWithinMs?: number;
  readonly clock?: Clock;
  readonly limits?: Partial<LiveLimits>;
  readonly bearer?: (token: string) => Promise<UserPrincipal | DevicePrincipal | null>;
  readonly isStillValid?: (principal: UserPrincipal | DevicePrincipal) => Promise<boolean>;
  readonly publish?: (message: PublishedMessage<typeof telemetryPublish>) => Promise<IngestReceipt>;
}

export const publicOrigin = 'https://live.example.org';

/** The live door on a real HTTPS server on loopback; only the look-ups of credentials are plain maps. */
export async function aLiveHouse(options: LiveHouseOptions = {}): Promise<LiveHouse> {
  const log: string[] = [];
  const logger = createLogger({ level: 'info', clock: systemClock, write: (line) => log.push(line) });
  const metrics = createMetrics();
  const clock = options.clock ?? systemClock;
  const tokens: LiveHouse['tokens'] = new Map();
  const sessions: LiveHouse['sessions'] = new Map();
  const revocationListeners: ((match: RevocationMatch) => void)[] = [];
  const gapListeners: (() => void)[] = [];
  const live = createLiveServer({
    path: '/api/v1/live',
    log: logger,
    metrics,
    addressOf: ({ socket }) => ({
      address: socket.remoteAddress ?? '',
      key: addressKey(socket.remoteAddress ?? ''),
    }),
    refusalHeaders: apiHeaders(),
    limits: { closeGraceMs: 300, ...options.limits },
  });
  const gate = createStreamGate({
    recordReading: async () => {},
    live,
    authentication: {
      session: async (token) => sessions.get(token) ?? null,
      bearer: options.bearer ?? (async (token) => tokens.get(token) ?? null),
      isStillValid: options.isStillValid ?? (async () => true),
      sightOf: async () => ({ sees: () => true }),
    },
    revocations: {
      onRevoked: (listener) => void revocationListeners.push(listener),
      onGap: (listener) => void gapListeners.push(listener),
    },
    limiter: createLimiter({ clock, maxKeys: 10_000 }),
    ...heardEvents().door,
    blocks: noBlocks,
    publicOrigin,
    log: logger,
    clock,
    metrics,
    authenticateWithinMs: options.authenticateWithinMs,
  });
  const subscriptions: Subscription<typeof telemetryStream>[] = [];
  const ended: number[] = [];
  gate.onSubscribe(telemetryStream, (subscription) => {
    const number = subscriptions.push(subscription) - 1;
    return () => void ended.push(number);
  });
  gate.onSubscribe(devicesStream, () => () => {});
  gate.onSubscribe(alertsStream, () => () => {});
  gate.onSubscribe(securityStream, () => () => {});
  const stored = async ({ points }: { points: readonly unknown[] }): Promise<IngestReceipt> => ({
    accepted: points.length,
    duplicates: 0,
    rejected: [],
  });
  gate.onPublish(telemetryPublish, async (message) => ({ ...(await (options.publish ?? stored)(message)) }));

  const server = secureServer();
  live.attach(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const port = (server.address() as AddressInfo).port;
  const clients: LiveClient[] = [];

  const connect: LiveHouse['connect'] = async (headers = {}) => {
    const socket = new WebSocket(`wss://127.0.0.1:${port}/api/v1/live`, { headers, rejectUnauthorized: false });
    const client = hear(socket);
    clients.push(client);
    await once(socket, 'open');
    return client;
  };
  return {
    live,
    gate,
    metrics,
    log,
    port,
    tokens,
    sessions,
    subscriptions,
    ended,
    revoke: (match) => {
      for (const listener of revocationListeners) listener(match);
    },
    gap: () => {
      for (const listener of gapListeners) listener();
    },
    connect,
    async enter(principal) {
      const token = newId();
      tokens.set(token, principal);
      const client = await connect();
      client.say({ type: 'auth', token });
      client.say({ type: 'ping' });
      await client.next();
      return client;
    },
    async close() {
      await live.close();
      for (const { socket } of clients) socket.terminate();
      server.close();
    },
  };
}

/** A connection to the whole platform that says who it is; what comes of it is the first thing heard, or the end. */
export async function aLiveClient(app: { httpPort: number }, token: string): Promise<LiveClient> {
  const socket = new WebSocket(`wss://127.0.0.1:${app.httpPort}/api/v1/live`, { rejectUnauthorized: false });
  const client = hear(socket);
  await once(socket, 'open');
  client.say({ type: 'auth', token });
  return client;
}

function hear(socket: WebSocket): LiveClient {
  const received: Received[] = [];
  let taken = 0;
  let wake = (): void => {};
  let closedWith: number | undefined;
  socket.on('error', () => {});
  socket.on('message', (data) => {
    received.push(JSON.parse(data.toString()));
    wake();
  });
  return {
    socket,
    received,
    say: (message) => socket.send(typeof message === 'string' ? message : JSON.stringify(message)),
    async next() {
      while (received.length <= taken) {
        if (closedWith !== undefined) throw new Error(`closed with ${closedWith}`);
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
      const message = received[taken++];
      if (message === undefined) throw new Error('nothing was received');
      return message;
    },
    closed: new Promise((resolve) => {
      socket.once('close', (code) => {
        closedWith = code;
        wake();
        resolve(code);
      });
    }),
  };
}

function secureServer(): Server {
  return createServer({ ...aSelfSignedCertificate('localhost'), minVersion: 'TLSv1.3' });
}

/** Code and reason with which a live connection ends whose first message holds this token. */
export function howLiveCloses(app: { httpPort: number }, token: string): Promise<[number, string]> {
  const socket = new WebSocket(`wss://127.0.0.1:${app.httpPort}/api/v1/live`, { rejectUnauthorized: false });
  socket.on('open', () => socket.send(JSON.stringify({ type: 'auth', token })));
  return new Promise((resolve, reject) => {
    socket.on('close', (code, reason) => resolve([code, reason.toString()]));
    socket.on('error', reject);
  });
}
