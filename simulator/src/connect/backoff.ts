/** Milliseconds to wait before the `attempt`-th further try (0 for the first). */
export type Backoff = (attempt: number) => number;

/**
 * Doubles from `baseMs` to `mostMs`, and draws the wait from the upper half of that, so that a thousand devices cut off together do
 * not come back together.
 */
export function exponentialBackoff(baseMs = 500, mostMs = 30_000, random: () => number = Math.random): Backoff {
  return (attempt) => {
    const ceiling = Math.min(mostMs, baseMs * 2 ** Math.min(attempt, 30));
    return Math.round(ceiling / 2 + (ceiling / 2) * random());
  };
}

/** Resolves after the time or at once when the signal fires; never rejects. */
export function pause(ms: number, signal?: AbortSignal): Promise<void> {
  if (signal?.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal?.addEventListener('abort', done, { once: true });
  });
}
