/** Whoever pauses is woken when there may be something to do. */
export interface Waiting {
  pause(milliseconds: number, signal: AbortSignal): Promise<void>;
  wake(): void;
}

export function createWaiting(): Waiting {
  const waiters = new Set<() => void>();
  return {
    pause(milliseconds, signal) {
      if (signal.aborted) return Promise.resolve();
      const { promise, resolve } = Promise.withResolvers<void>();
      const end = (): void => {
        clearTimeout(timer);
        waiters.delete(end);
        signal.removeEventListener('abort', end);
        resolve();
      };
      const timer = setTimeout(end, milliseconds);
      waiters.add(end);
      signal.addEventListener('abort', end);
      return promise;
    },
    wake() {
      for (const end of [...waiters]) end();
    },
  };
}
