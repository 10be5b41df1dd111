import {
  type LiveRequest,
  type LiveRequestId,
  liveCloseCodes,
  liveRequest,
  type Rate,
  type RateClass,
  rates,
  type Stream,
} from '@valtronics/contract';
import type { Clock } from '../../lib/clock.ts';
import { newId } from '../../lib/ids.ts';
import { parseJsonText } from '../../lib/json.ts';
import { Problem, problemBody, retryAfterSeconds } from '../../lib/problem.ts';
import type { LiveConnection } from '../../platform/live/connection.ts';
import type { Logger } from '../../platform/log/log.ts';
import { refusal } from '../access/decision.ts';
import { type KnownPrincipal, principalKey } from '../access/principal.ts';
import { isLimited, type Sight } from '../access/sight.ts';
import type { RecordReading } from '../audit/readings.ts';
import { viewerOf } from '../fields/show.ts';
import { showing } from '../fields/show-answer.ts';
import { isHarmlessJson } from '../inspection/harmless.ts';
import { inspectValue } from '../inspection/inspect-request.ts';
import type { Limiter } from '../shield/limiter.ts';
import { actorOf } from './call-factory.ts';
import { inspectItems } from './inspected-items.ts';
import { blockedRequest } from './inspection-report.ts';
import type { StreamReports } from './stream-reports.ts';
import type { PublishHandler, SubscribeHandler } from './streams.ts';
import { toProblem, validationProblem } from './to-problem.ts';

/** What is in force; filled by the features before the server listens. */
export interface StreamRegistry {
  readonly subscribe: ReadonlyMap<string, { readonly stream: Stream; readonly handler: SubscribeHandler<Stream> }>;
  readonly publish: { readonly stream: Stream; readonly handler: PublishHandler<Stream> } | undefined;
}

export interface RequestsOptions {
  /** What a device may send; the contract's figure unless told. */
  readonly ingestRate?: Rate | undefined;
  readonly connection: LiveConnection;
  readonly principal: KnownPrincipal;
  /** What the principal sees of the fleet now; asked anew for each message. */
  readonly sight: () => Sight;
  readonly registry: StreamRegistry;
  readonly recordReading: RecordReading;
  readonly limiter: Limiter;
  readonly clock: Clock;
  readonly log: Logger;
  readonly reports: StreamReports;
}

export interface Requests {
  receive(text: string): void;
  /** Ends every subscription. */
  end(): void;
  readonly subscriptions: number;
}

const MAX_SUBSCRIPTIONS = 200;
/** Publishes that wait for their answer; at this many we stop reading, and TCP pushes back on the sender. */
const MAX_UNANSWERED = 64;
/** Well above what any principal may ask for, so that those within their rate are never closed for it. */
const FRAMES = { perSecond: 1000, burst: 2000 };
/** Being told "too many requests" that often means that the sender does not listen. */
const STRIKES = { perSecond: 10, burst: 100 };

/**
 * Serves the requests of one authenticated connection. Order for each: frame limit → parse → inspection → principal's limit → access → validation →
 * handler. A fault answers that one request; only a flood ends the connection.
 */
export function serveRequests(options: RequestsOptions): Requests {
  const { connection, principal, registry, limiter, reports, log, clock, ingestRate = rates.ingestDevice } = options;
  const { address } = connection.handshake;
  const own = principalKey(principal);
  const limited = isLimited(principal);
  const subscriptions = new Map<LiveRequestId, { readonly keyPrefix: string; end: () => void }>();
  let started = 0;
  let unanswered = 0;

  function spend(rateClass: RateClass): void {
    if (rateClass === 'none') return;
    // The keys of the HTTP door: one allowance for a principal, whatever the transport.
    const answer =
      rateClass === 'ingest' && principal.kind === 'device'
        ? limiter.take(`ingest:${own}`, ingestRate)
        : limiter.take(`api:${own}`, rates.apiPrincipal);
    if (!answer.ok) throw new Problem('too_many_requests', { retryAfterSeconds: answer.retryAfterSeconds });
  }

  function mustPass(stream: Stream): void {
    spend(stream.rate);
    const problem = refusal(stream.access, principal, clock.now());
    if (problem === undefined) return;
    log.warn(
      { event: 'access.refused', status: problem.status, route: `live:${stream.channel}`, principal: own },
      'a live request was refused',
    );
    throw problem;
  }

  function subscribe({ type: _, id, channel, ...wanted }: Extract<LiveRequest, { type: 'subscribe' }>): void {
    const entry = registry.subscribe.get(channel);
    if (entry === undefined) throw new Problem('not_found', { detail: 'There is no such channel.' });
    mustPass(entry.stream);
    if (subscriptions.has(id)) throw new Problem('conflict', { detail: 'This id already names a subscription.' });
    if (subscriptions.size >= MAX_SUBSCRIPTIONS) {
      throw new Problem('conflict', { detail: `A connection holds at most ${MAX_SUBSCRIPTIONS} subscriptions.` });
    }
    const filter = entry.stream.filter.safeParse(wanted);
    if (!filter.success) throw validationProblem(filter.error);

    // The number is never used twice, so what a former subscription of this id left waiting is never taken for this one's.
    const keyPrefix = `${started++}:`;
    const subscription = { keyPrefix, end: () => {} };
    subscriptions.set(id, subscription);
    const begin = (): void => {
      // Ended while it was being recorded.
      if (subscriptions.get(id) !== subscription) return;
      connection.send({ type: 'subscribed', id });
      const { message: sent } = entry.stream;
      const show = sent ? showing(sent, viewerOf(principal)) : undefined;
      subscription.end = entry.handler({
        principal,
        filter: filter.data,
        send(message, coalesceKey, about) {
          if (subscriptions.get(id) !== subscription) return;
          if (limited && !(about !== undefined && options.sight().sees(about))) return;
          // Nothing is sent past the catalogue: without a declaration of what is sent, nothing is.
          if (!show) return;
          connection.send({ ...show(message), id }, coalesceKey === undefined ? undefined : keyPrefix + coalesceKey);
        },
      });
    };
    const recording = recordSubscription(entry.stream, filter.data);
    if (recording !== undefined) {
      recording.then(begin).catch((error: unknown) => {
        if (subscriptions.get(id) === subscription) subscriptions.delete(id);
        answerFault(id, error);
      });
      return;
    }
    try {
      begin();
    } catch (error) {
      subscriptions.delete(id);
      throw error;
    }
  }

  /** Who watches is recorded before they see anything, as where they ask once. A device watches what is its own. */
  function recordSubscription({ audit, channel }: Stream, filter: { deviceId?: unknown }): Promise<void> | undefined {
    if (audit.kind !== 'reads' || principal.kind === 'device') return undefined;
    // Nothing of class health is shown to them.
    if (audit.of === 'health' && !principal.permissions.has('health:read')) return undefined;
    const { organisationId, viewers } = principal;
    return options.recordReading({
      context: { organisationId, viewers, actor: actorOf(principal), address, requestId: null },
      audit,
      route: `live:${channel}`,
      deviceId: filter.deviceId,
      resource: null,
    });
  }

  function unsubscribe(id: LiveRequestId): void {
    spend('api');
    const subscription = subscriptions.get(id);
    if (subscription === undefined) throw new Problem('not_found', { detail: 'This id names no subscription.' });
    subscriptions.delete(id);
    connection.discard(subscription.keyPrefix);
    subscription.end();
    connection.send({ type: 'unsubscribed', id });
  }

  function publish({ id, points }: Extract<LiveRequest, { type: 'publish' }>): void {
    if (registry.publish === undefined) throw new Problem('not_found', { detail: 'Nothing takes this.' });
    mustPass(registry.publish.stream);
    unanswered += 1;
    if (unanswered >= MAX_UNANSWERED) connection.hold('handling');
    // Handlers start in the order of arrival, and each answer names its request; a slow one does not delay the others.
    const { handler } = registry.publish;
    const answer = async (): Promise<Readonly<Record<string, unknown>>> =>
      handler({ principal, points, sight: options.sight() });
    answer()
      .then(
        (result) => connection.send({ ...result, type: 'accepted', id }),
        (error: unknown) => answerFault(id, error),
      )
      .finally(() => {
        unanswered -= 1;
        if (unanswered < MAX_UNANSWERED) connection.release('handling');
      });
  }

  function read(text: string, tellId: (id: LiveRequestId | null) => void): LiveRequest {
    try {
      const value = parseJsonText(text);
      tellId(idOf(value));
      inspect(text, value);
      const request = liveRequest.safeParse(value);
      if (request.success) return request.data;
      throw validationProblem(request.error);
    } catch (error) {
      // Nonsense has no class of its own, but it is not free.
      spend('api');
      throw error;
    }
  }

  function inspect(text: string, value: unknown): void {
    if (isHarmlessJson(Buffer.from(text))) return;
    // Points are checked one by one by whoever takes them; a message without any has no such list.
    const { verdict, refused } =
      typeof value === 'object' && value !== null
        ? inspectItems(value as Record<string, unknown>, 'points')
        : { verdict: inspectValue(value, 'body'), refused: [] };
    for (const each of refused) reports.inspected(each, { address, principal });
    if (verdict === undefined) return;
    reports.inspected(verdict, { address, principal });
    if (verdict.blocked) throw blockedRequest(verdict);
  }

  function dispatch(request: LiveRequest): void {
    switch (request.type) {
      case 'auth':
        throw new Problem('conflict', { detail: 'This connection is already authenticated.' });
      case 'subscribe':
        subscribe(request);
        break;
      case 'unsubscribe':
        unsubscribe(request.id);
        break;
      case 'publish':
        publish(request);
        break;
      case 'ping':
        spend('api');
        connection.send({ type: 'pong' });
        break;
    }
  }

  function answerFault(id: LiveRequestId | null, error: unknown): void {
    const problem = toProblem(error);
    const requestId = newId();
    if (problem.status >= 500) log.error({ err: problem.cause ?? problem, requestId }, problem.message);
    else reports.refused(problem.code, { address, principal, requestId });
    const retryAfter = retryAfterSeconds(problem);
    connection.send({
      type: 'error',
      id,
      problem: problemBody(problem, requestId),
      ...(retryAfter === undefined ? {} : { retryAfterSeconds: retryAfter }),
    });
    if (problem.code === 'too_many_requests' && !limiter.take(`live-strikes:${connection.id}`, STRIKES).ok) {
      connection.close(liveCloseCodes.tooFast, 'too fast');
    }
  }

  return {
    receive(text) {
      // Before parsing, which is the dearest thing a stranger's megabyte can make us do.
      if (!limiter.take(`live:${connection.id}`, FRAMES).ok) {
        reports.refused('too_many_requests', { address, principal });
        return connection.close(liveCloseCodes.tooFast, 'too fast');
      }
      let id: LiveRequestId | null = null;
      try {
        dispatch(
          read(text, (known) => {
            id = known;
          }),
        );
      } catch (error) {
        answerFault(id, error);
      }
    },
    end() {
      const ending = [...subscriptions.values()];
      subscriptions.clear();
      for (const { end } of ending) end();
    },
    get subscriptions() {
      return subscriptions.size;
    },
  };
}

/** The id of a request that may be wrong in every other way, so that its sender recognises the answer. */
function idOf(value: unknown): LiveRequestId | null {
  const id = typeof value === 'object' && value !== null ? (value as { id?: unknown }).id : undefined;
  if (typeof id === 'string' && id.length <= 64) return id;
  return typeof id === 'number' && Number.isSafeInteger(id) ? id : null;
}
