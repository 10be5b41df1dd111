import { type Backoff, exponentialBackoff, pause } from './backoff.ts';
import { ConnectionLost, LinkRefused } from './link.ts';
import type { Batch } from './outbox.ts';

/** One connection, from being usable to being lost. */
export interface Session {
  deliver(batch: Batch): Promise<{ readonly rejected: number }>;
  end(): Promise<void>;
}

interface ConnectionOptions {
  /**
   * Connects and authenticates within a time of its own, or until the signal fires. `lost` is called as soon as the connection is of
   * no use any more, also after `end`.
   */
  readonly open: (lost: (reason: Error) => void, signal: AbortSignal) => Promise<Session>;
  readonly backoff?: Backoff | undefined;
  readonly onProblem?: ((text: string) => void) | undefined;
  readonly onRefused: (reason: LinkRefused) => void;
}

export interface Connection {
  /** The session there is, or the next one. */
  session(): Promise<Session>;
  reconnects(): number;
  close(): Promise<void>;
}

/** A connection that lasted this long was a good one: the next failure starts with a short wait again. */
const STEADY_MS = 5000;

/** The session to come. Whether anybody waits for it or not, its failure is not an unhandled one. */
function expected(): PromiseWithResolvers<Session> {
  const promised = Promise.withResolvers<Session>();
  promised.promise.catch(() => undefined);
  return promised;
}

/** Keeps one session open: connects, and connects again with growing waits whenever it is lost. */
export function keepConnected({
  open,
  backoff = exponentialBackoff(),
  onProblem,
  onRefused,
}: ConnectionOptions): Connection {
  const stopped = new AbortController();
  let current: Session | null = null;
  let refused: LinkRefused | null = null;
  let connects = 0;
  let next = expected();

  async function connectOnce(): Promise<void> {
    const gone = Promise.withResolvers<Error>();
    let lost = false;
    const session = await open((reason) => {
      // At once, before what was on the wire fails and asks for a session again.
      lost = true;
      if (current) next = expected();
      current = null;
      gone.resolve(reason);
    }, stopped.signal);
    if (stopped.signal.aborted) return session.end();
    if (!lost) {
      current = session;
      connects++;
      next.resolve(session);
    }
    const reason = await gone.promise;
    if (reason instanceof LinkRefused) throw reason;
    if (!stopped.signal.aborted) onProblem?.(reason.message);
  }

  async function run(): Promise<void> {
    let attempt = 0;
    while (!stopped.signal.aborted) {
      const started = performance.now();
      try {
        await connectOnce();
      } catch (error) {
        if (error instanceof LinkRefused) {
          refused = error;
          next.reject(error);
          return onRefused(error);
        }
        if (attempt === 0) onProblem?.(error instanceof Error ? error.message : String(error));
      }
      if (performance.now() - started >= STEADY_MS) attempt = 0;
      await pause(backoff(attempt++), stopped.signal);
    }
  }
  const running = run();

  return {
    async session() {
      if (refused) throw refused;
      if (stopped.signal.aborted) throw new ConnectionLost('the link is closed');
      return current ?? next.promise;
    },
    reconnects: () => Math.max(0, connects - 1),
    async close() {
      if (stopped.signal.aborted) return running;
      stopped.abort();
      const session = current;
      next.reject(new ConnectionLost('the link is closed'));
      await session?.end();
      await running;
    },
  };
}
