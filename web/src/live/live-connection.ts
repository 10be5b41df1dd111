import type { LiveRequest } from '@valtronics/contract';
import { liveCloseCodes } from '@valtronics/contract';

/** The part of a WebSocket this needs; tests give one of their own. */
export interface LiveSocket {
  send(text: string): void;
  close(): void;
  onopen: (() => void) | null;
  onmessage: ((event: { data: unknown }) => void) | null;
  onclose: ((event: { code: number }) => void) | null;
}

export interface LiveDependencies {
  openSocket(): LiveSocket;
  setTimer(run: () => void, milliseconds: number): () => void;
  now(): number;
  random(): number;
}

export type LiveState =
  | { readonly kind: 'idle' }
  | { readonly kind: 'connecting'; readonly attempt: number }
  | { readonly kind: 'open' }
  | { readonly kind: 'waiting'; readonly attempt: number; readonly retryAt: number }
  | { readonly kind: 'ended'; readonly reason: 'notAuthenticated' | 'refused' };

export type LiveChannel = 'telemetry' | 'alerts' | 'devices' | 'security';
export interface LiveFilter {
  readonly channel: LiveChannel;
  readonly deviceId?: string;
  readonly metric?: string;
}
export type LiveMessage = Readonly<Record<string, unknown>> & { readonly type: string };
type Handler = (message: LiveMessage) => void;
interface Subscription {
  readonly id: number;
  readonly filter: LiveFilter;
  readonly handlers: Set<Handler>;
  /** The server's word that it tells from now on; whoever joins later is handed it too. */
  confirmation?: LiveMessage | undefined;
}

const firstDelayMs = 500;
const longestDelayMs = 30_000;
const pingEveryMs = 25_000;
const pongWithinMs = 10_000;
const rearmAfterMs = 1000;

/** Doubling from half a second to half a minute, spread so that a restarted server is not met by everyone at once. */
export const backoffMs = (attempt: number, random: number) =>
  Math.min(longestDelayMs, firstDelayMs * 2 ** attempt) * (0.5 + random / 2);

const filterKey = ({ channel, deviceId, metric }: LiveFilter) => `${channel} ${deviceId ?? ''} ${metric ?? ''}`;

/**
 * One WebSocket for the whole page: equal subscriptions share one place on the server, a lost connection is made again, and `onResumed`
 * tells for how long nothing was heard so that what was missed can be read.
 */
export function createLiveConnection(
  { openSocket, setTimer, now, random }: LiveDependencies,
  events: { onState(state: LiveState): void; onResumed(silentMs: number): void },
) {
  const subscriptions = new Map<string, Subscription>();
  let nextId = 1;
  let state: LiveState = { kind: 'idle' };
  let socket: LiveSocket | undefined;
  let cancelTimer = () => {};
  let lostAt: number | undefined;
  let armedAt = 0;

  function become(next: LiveState) {
    state = next;
    events.onState(next);
  }
  const say = (request: LiveRequest) => socket?.send(JSON.stringify(request));
  const subscribeOnServer = (id: number, filter: LiveFilter) => say({ type: 'subscribe', id, ...filter });

  function watchSilence() {
    // A busy stream need not wind the clock again for every message.
    if (now() - armedAt < rearmAfterMs && state.kind === 'open') return;
    armedAt = now();
    cancelTimer();
    cancelTimer = setTimer(() => {
      say({ type: 'ping' });
      cancelTimer = setTimer(() => drop(socket, 0), pongWithinMs);
    }, pingEveryMs);
  }

  function connect(attempt: number) {
    cancelTimer();
    become({ kind: 'connecting', attempt });
    const opened = openSocket();
    socket = opened;
    opened.onopen = () => {
      if (socket !== opened) return;
      armedAt = Number.NEGATIVE_INFINITY;
      become({ kind: 'open' });
      watchSilence();
      for (const { id, filter } of subscriptions.values()) subscribeOnServer(id, filter);
      if (lostAt !== undefined) events.onResumed(now() - lostAt);
      lostAt = undefined;
    };
    opened.onmessage = ({ data }) => {
      if (socket !== opened) return;
      watchSilence();
      const message = parseMessage(data);
      if (!message) return;
      for (const subscription of subscriptions.values()) {
        if (message.id !== subscription.id) continue;
        if (message.type === 'subscribed') subscription.confirmation = message;
        for (const handler of subscription.handlers) handler(message);
      }
    };
    opened.onclose = ({ code }) => drop(opened, code);
  }

  function letGo(which: LiveSocket) {
    cancelTimer();
    socket = undefined;
    which.onopen = which.onmessage = which.onclose = null;
    which.close();
    for (const subscription of subscriptions.values()) subscription.confirmation = undefined;
  }

  function drop(which: LiveSocket | undefined, code: number) {
    if (!which || socket !== which) return;
    letGo(which);
    lostAt ??= now();
    if (code === liveCloseCodes.notAuthenticated) return become({ kind: 'ended', reason: 'notAuthenticated' });
    if (code === liveCloseCodes.refused) return become({ kind: 'ended', reason: 'refused' });
    const attempt = state.kind === 'connecting' ? state.attempt + 1 : 0;
    const delay = backoffMs(attempt, random());
    become({ kind: 'waiting', attempt, retryAt: now() + delay });
    cancelTimer = setTimer(() => connect(attempt), delay);
  }

  return {
    state: () => state,
    start() {
      if (state.kind === 'idle' || state.kind === 'ended') connect(0);
    },
    /** The network came back, or a person asked: do not sit out the delay. */
    retryNow() {
      if (state.kind === 'waiting') connect(state.attempt);
    },
    stop() {
      cancelTimer();
      if (socket) letGo(socket);
      lostAt = undefined;
      become({ kind: 'idle' });
    },
    subscribe(filter: LiveFilter, handler: Handler): () => void {
      const key = filterKey(filter);
      let entry = subscriptions.get(key);
      if (!entry) {
        entry = { id: nextId++, filter, handlers: new Set() };
        subscriptions.set(key, entry);
        if (state.kind === 'open') subscribeOnServer(entry.id, filter);
      }
      const { id, handlers } = entry;
      handlers.add(handler);
      if (entry.confirmation) handler(entry.confirmation);
      return () => {
        handlers.delete(handler);
        if (handlers.size > 0 || subscriptions.get(key)?.id !== id) return;
        subscriptions.delete(key);
        if (state.kind === 'open') say({ type: 'unsubscribe', id });
      };
    },
  };
}
export type LiveConnection = ReturnType<typeof createLiveConnection>;

function parseMessage(data: unknown): LiveMessage | undefined {
  if (typeof data !== 'string') return undefined;
  try {
    const message: unknown = JSON.parse(data);
    return typeof message === 'object' && message !== null && 'type' in message ? (message as LiveMessage) : undefined;
  } catch {
    return undefined;
  }
}
