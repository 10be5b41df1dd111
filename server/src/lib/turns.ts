/** More callers wait for one key than may. */
export class TooManyWaitingError extends Error {
  override readonly name = 'TooManyWaitingError';
}

/** Runs work of the same key one after another, work of different keys side by side. At most `mostWaiting` wait for a key. */
export function createTurns(mostWaiting: number): <T>(key: string, work: () => Promise<T>) => Promise<T> {
  const lines = new Map<string, { last: Promise<unknown>; length: number }>();

  return async (key, work) => {
    const line = lines.get(key) ?? { last: Promise.resolve(), length: 0 };
    if (line.length > mostWaiting) throw new TooManyWaitingError('too many wait for the same thing');
    line.length += 1;
    lines.set(key, line);
    const mine = line.last.then(work);
    line.last = mine.catch(() => undefined);
    try {
      return await mine;
    } finally {
      line.length -= 1;
      if (line.length === 0) lines.delete(key);
    }
  };
}
