import { liveCloseCodes, type Rate, rates, type Stream, streams } from '@valtronics/contract';
import type { Clock } from '../../lib/clock.ts';
import type { LiveConnection } from '../../platform/live/connection.ts';
import type { LiveServer } from '../../platform/live/live-server.ts';
import type { Logger } from '../../platform/log/log.ts';
import type { Metrics } from '../../platform/metrics/metrics.ts';
import type { Authentication } from '../access/authentication.ts';
import { type DevicePrincipal, type KnownPrincipal, principalKey } from '../access/principal.ts';
import { concerns, type Revocations } from '../access/revocations.ts';
import { isLimited, type Sight } from '../access/sight.ts';
import type { RecordReading } from '../audit/readings.ts';
import type { SecurityEvents } from '../events/security-event.ts';
import type { Blocks } from '../shield/blocks.ts';
import type { Limiter } from '../shield/limiter.ts';
import { sessionCookie } from './credential.ts';
import { mustBeEnforceable } from './enforceable.ts';
import { judgeHandshake } from './handshake-inspection.ts';
import { inTime } from './in-time.ts';
import type { Places } from './places.ts';
import { admit } from './stream-admission.ts';
import { createStreamReports } from './stream-reports.ts';
import { type Requests, type StreamRegistry, serveRequests } from './stream-requests.ts';
import type { PublishHandler, StreamGate, SubscribeHandler } from './streams.ts';

export interface StreamGateOptions {
  readonly live: Pick<LiveServer, 'onConnection' | 'onHandshake'>;
  readonly authentication: Pick<Authentication, 'session' | 'bearer' | 'isStillValid' | 'sightOf'>;
  readonly revocations: Pick<Revocations, 'onRevoked' | 'onGap'>;
  readonly limiter: Limiter;
  readonly events: SecurityEvents;
  readonly places: Places;
  readonly blocks: Pick<Blocks, 'of' | 'ofPrincipal' | 'onImposed'>;
  readonly publicOrigin: string;
  readonly recordReading: RecordReading;
  readonly log: Logger;
  readonly clock: Clock;
  readonly metrics: Pick<Metrics, 'gateRefused' | 'watch'>;
  /** What a device may send; the contract's figure unless told. */
  readonly ingestRate?: Rate | undefined;
  /** 5 s unless told. */
  readonly authenticateWithinMs?: number | undefined;
}

export interface LiveStreamGate extends StreamGate {
  /** Told of everything a connected device asks for. Must return at once. */
  onDevice(listener: (device: DevicePrincipal) => void): void;
  /** Throws when a declared stream has no handler. */
  assertComplete(): void;
}

interface Admitted {
  readonly connection: LiveConnection;
  readonly principal: KnownPrincipal;
  readonly requests: Requests;
  /** Replaced when groups change, by the newest of the looks that were asked for. */
  sight: Sight;
  looks: number;
}

const AUTHENTICATE_WITHIN_MS = 5000;
const MAX_CONNECTIONS_A_PRINCIPAL = 100;
/** Standard code: nothing was wrong with the caller, we could not look. */
const TRY_AGAIN_LATER = 1013;
const SWEEP_EVERY_MS = 60_000;
const SWEEP_AT_ONCE = 8;
/** A timer cannot be set further ahead. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** The one door for live streams. Order: address → coarse limit → authentication → (each request) limit → access → validation → handler. */
export function createStreamGate(options: StreamGateOptions): LiveStreamGate {
  const { live, authentication, limiter, clock, log } = options;
  const reports = createStreamReports(options);
  const subscribe = new Map<string, { stream: Stream; handler: SubscribeHandler<Stream> }>();
  const registry: { subscribe: typeof subscribe; publish: StreamRegistry['publish'] } = {
    subscribe,
    publish: undefined,
  };
  const admitted = new Set<Admitted>();
  const deviceListeners: ((device: DevicePrincipal) => void)[] = [];
  const perPrincipal = new Map<string, number>();
  let revocationsHeard = 0;
  let sweeping = false;

  live.onHandshake((handshake) => {
    const { address, addressKey, cookie, origin } = handshake;
    const answer = limiter.take(`coarse:${addressKey}`, rates.coarseAddress);
    if (!answer.ok) {
      reports.refused('too_many_requests', { address, origin });
      return { status: 429, retryAfterSeconds: answer.retryAfterSeconds };
    }
    // A session that was let in before goes on; whoever would still have to prove something does not get to it.
    const block = options.blocks.of(address);
    if (block?.kind === 'ban') {
      reports.refused('banned', { address });
      return { status: 403 };
    }
    if (block && !(cookie !== undefined && sessionCookie(cookie) !== undefined)) {
      reports.refused('address_blocked', { address });
      return { status: 429, retryAfterSeconds: (block.expires_at.getTime() - clock.now()) / 1000 };
    }
    return judgeHandshake(handshake, reports);
  });

  live.onConnection((connection) => {
    connection.hold('checking');
    void welcome(connection);
  });

  async function welcome(connection: LiveConnection): Promise<void> {
    const heardBefore = revocationsHeard;
    const principal = await admit(connection, {
      authentication,
      limiter,
      blocks: options.blocks,
      publicOrigin: options.publicOrigin,
      withinMs: options.authenticateWithinMs ?? AUTHENTICATE_WITHIN_MS,
      log,
      reports,
    });
    if (principal === null) return;
    options.places.seen(principal, connection.handshake.address, 'websocket');
    const sight = await lookAround(connection, principal);
    if (sight === null || !connection.isOpen) return;
    // Also what came while the look-ups ran.
    if (isKeptOut(connection, principal)) {
      reports.refused('blocked', { address: connection.handshake.address, principal });
      connection.close(liveCloseCodes.refused, 'blocked');
      return;
    }
    const key = principalKey(principal) ?? '';
    const already = perPrincipal.get(key) ?? 0;
    if (already >= MAX_CONNECTIONS_A_PRINCIPAL) {
      reports.refused('too_many_requests', { address: connection.handshake.address, principal });
      connection.close(liveCloseCodes.tooFast, 'too many connections');
      return;
    }
    const requests: Requests = serveRequests({
      connection,
      principal,
      sight: () => entry.sight,
      registry,
      recordReading: options.recordReading,
      limiter,
      ingestRate: options.ingestRate,
      clock,
      log,
      reports,
    });
    const entry: Admitted = { connection, principal, requests, sight, looks: 0 };
    admitted.add(entry);
    perPrincipal.set(key, already + 1);
    const stopExpiry = endAtExpiry(connection, principal.expiresAt);
    connection.onEnd(() => {
      stopExpiry();
      admitted.delete(entry);
      const left = (perPrincipal.get(key) ?? 1) - 1;
      if (left > 0) perPrincipal.set(key, left);
      else perPrincipal.delete(key);
      requests.end();
    });
    connection.onMessage((text) => {
      if (principal.kind === 'device') for (const listener of deviceListeners) listener(principal);
      requests.receive(text);
    });
    // A revocation heard while the look-up ran may be newer than what the look-up saw.
    if (revocationsHeard !== heardBefore) {
      if (isLimited(principal)) await lookAgain(entry);
      await recheck(entry);
    } else connection.release('checking');
  }

  function endAtExpiry(connection: LiveConnection, expiresAt: Date | null): () => void {
    if (expiresAt === null) return () => {};
    let timer: NodeJS.Timeout;
    const look = (): void => {
      const left = expiresAt.getTime() - clock.now();
      if (left <= 0) connection.close(liveCloseCodes.notAuthenticated, 'expired');
      else timer = setTimeout(look, Math.min(left, MAX_TIMER_MS)).unref();
    };
    look();
    return () => clearTimeout(timer);
  }

  const isKeptOut = ({ handshake }: LiveConnection, principal: KnownPrincipal): boolean =>
    options.blocks.of(handshake.address)?.kind === 'ban' || options.blocks.ofPrincipal(principal) !== undefined;
  options.blocks.onImposed(() => {
    for (const { connection, principal } of admitted)
      if (isKeptOut(connection, principal)) connection.close(liveCloseCodes.refused, 'blocked');
  });

  options.revocations.onRevoked((match) => {
    revocationsHeard += 1;
    for (const entry of admitted) {
      if (match.sight) {
        if (match.organisationId === entry.principal.organisationId && isLimited(entry.principal))
          void lookAgain(entry);
        continue;
      }
      if (!concerns(match, entry.principal)) continue;
      // What ended for the owner or creator of a key may leave the key as it was.
      const isAboutItself = entry.principal.kind !== 'apiKey' || match.keyId !== undefined;
      if (match.recheck || !isAboutItself) void recheck(entry);
      else entry.connection.close(liveCloseCodes.notAuthenticated, 'revoked');
    }
  });
  options.revocations.onGap(() => {
    revocationsHeard += 1;
    void sweep();
  });
  // The net under the messages: whatever was missed, nobody keeps a connection for longer than this without being entitled to it.
  setInterval(() => void sweep(), SWEEP_EVERY_MS).unref();

  /** What the principal sees of the fleet; null when that cannot be told and the connection is closing. */
  async function lookAround(connection: LiveConnection, principal: KnownPrincipal): Promise<Sight | null> {
    try {
      return await inTime(authentication.sightOf(principal));
    } catch (error) {
      log.error({ err: error }, 'what a principal may see could not be looked up');
      connection.close(TRY_AGAIN_LATER, 'try again later');
      return null;
    }
  }

  /** Groups changed. What is shown until the answer is what was right a moment ago; without one in time the connection ends. */
  async function lookAgain(entry: Admitted): Promise<void> {
    entry.looks += 1;
    const look = entry.looks;
    const sight = await lookAround(entry.connection, entry.principal);
    if (sight !== null && look === entry.looks) entry.sight = sight;
  }

  /** Something about this principal changed. Nothing is read meanwhile, and without a clear yes in time the connection ends. */
  async function recheck({ connection, principal }: Admitted): Promise<void> {
    connection.hold('checking');
    const answer = await inTime(authentication.isStillValid(principal)).catch((error: unknown) => {
      log.error({ err: error }, 'a changed principal could not be checked again');
      return false;
    });
    if (answer) connection.release('checking');
    else connection.close(liveCloseCodes.notAuthenticated, 'no longer valid');
  }

  /** Looks at everybody, a few at a time. Here a failing look-up ends nothing: with the database away, all would be thrown out at once. */
  async function sweep(): Promise<void> {
    if (sweeping) return;
    sweeping = true;
    const waiting = [...admitted];
    const look = async (): Promise<void> => {
      for (let entry = waiting.pop(); entry !== undefined; entry = waiting.pop()) {
        const valid = await inTime(authentication.isStillValid(entry.principal)).catch(() => undefined);
        if (valid === false) entry.connection.close(liveCloseCodes.notAuthenticated, 'no longer valid');
        else if (isLimited(entry.principal)) await lookAgain(entry);
      }
    };
    await Promise.all(Array.from({ length: SWEEP_AT_ONCE }, look));
    sweeping = false;
  }

  options.metrics.watch('liveSubscriptions', () => {
    let count = 0;
    for (const { requests } of admitted) count += requests.subscriptions;
    return count;
  });

  return {
    onSubscribe(stream, handler) {
      mustBeEnforceable(stream, 'subscribe');
      if (subscribe.has(stream.channel)) throw new Error(`the stream ${stream.channel} is handled twice`);
      subscribe.set(stream.channel, { stream, handler: handler as unknown as SubscribeHandler<Stream> });
    },
    onPublish(stream, handler) {
      mustBeEnforceable(stream, 'publish');
      if (registry.publish !== undefined) throw new Error('publishes are handled twice');
      registry.publish = { stream, handler: handler as unknown as PublishHandler<Stream> };
    },
    onDevice(listener) {
      deviceListeners.push(listener);
    },
    assertComplete() {
      const isHandled = (stream: Stream): boolean =>
        stream.direction === 'publish'
          ? registry.publish?.stream === stream
          : subscribe.get(stream.channel)?.stream === stream;
      const missing = streams.filter((stream) => !isHandled(stream));
      if (missing.length === 0) return;
      const names = missing.map(({ channel, direction }) => `${direction} ${channel}`);
      throw new Error(`no handler for the live streams ${names.join(', ')}`);
    },
  };
}
