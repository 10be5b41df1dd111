import { expect, vi } from 'vitest';

/** Looks again until it is so, or fails with what was expected. */
export const eventually = (what: string, check: () => boolean): Promise<void> =>
  vi.waitFor(() => expect(check(), what).toBe(true), { timeout: 10_000, interval: 10 });

/** Points of one series, a second apart, told apart by their value. */
export const somePoints = (count: number, first = 0) =>
  Array.from({ length: count }, (_, index) => ({
    metric: 'temperature',
    value: first + index,
    timestamp: 1_700_000_000_000 + (first + index) * 1000,
  }));
