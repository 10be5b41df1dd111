import { expect, it } from 'vitest';
import { unlessAborted } from './unless-aborted.ts';

it('gives what the work gives, or the reason of the signal, and no failure of the work goes unheard', async () => {
  const { signal } = new AbortController();
  expect(await unlessAborted(Promise.resolve(1), signal)).toBe(1);
  await expect(unlessAborted(Promise.reject(new Error('failed')), signal)).rejects.toThrow('failed');
  const unheard: unknown[] = [];
  const hear = (reason: unknown): void => void unheard.push(reason);
  process.on('unhandledRejection', hear);
  try {
    const failing = Promise.withResolvers<never>();
    const stopped = unlessAborted(failing.promise, AbortSignal.abort(new Error('stopped')));
    failing.reject(new Error('failed later'));
    await expect(stopped).rejects.toThrow('stopped');
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(unheard).toEqual([]);
  } finally {
    process.off('unhandledRejection', hear);
  }
});
