import { limits } from '@valtronics/contract';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { somePoints } from '../support/eventually.ts';
import { exponentialBackoff } from './backoff.ts';
import { ConnectionLost, LinkRefused, MessageRefused, PushedBack } from './link.ts';
import { type Batch, createOutbox } from './outbox.ts';

const valuesOf = (batch: Batch): number[] => batch.points.map((text) => JSON.parse(text).value);
const stored = async () => ({ rejected: 0 });

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

describe('the outbox', () => {
  test('whatever fails on the way, every point is answered for, and never more messages are out than the window', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 12 }),
        fc.array(fc.constantFrom('ok', 'lost', 'busy'), { maxLength: 30 }),
        fc.integer({ min: 1, max: 5 }),
        async (sizes, fates, window) => {
          const seen = new Set<number>();
          let out = 0;
          let mostOut = 0;
          const outbox = createOutbox({
            window,
            batchPoints: 7,
            backoff: () => 10,
            deliver: async (batch) => {
              mostOut = Math.max(mostOut, ++out);
              await new Promise((resolve) => setTimeout(resolve, 1));
              out--;
              const fate = fates.pop();
              if (fate === 'lost') throw new ConnectionLost('gone');
              if (fate === 'busy') throw new PushedBack('later', 5);
              for (const value of valuesOf(batch)) seen.add(value);
              return { rejected: 0 };
            },
          });
          let first = 0;
          for (const size of sizes) {
            await outbox.send(somePoints(size, first));
            first += size;
          }
          const flushed = outbox.flush();
          await vi.advanceTimersByTimeAsync(2000);
          await flushed;
          expect(seen.size).toBe(first);
          expect(outbox.counts()).toEqual({ queued: 0, acknowledged: first, rejected: 0, dropped: 0 });
          expect(mostOut).toBeLessThanOrEqual(window);
        },
      ),
      { numRuns: 60 },
    );
  });

  test('a server that asks for patience is left alone for as long as it said', async () => {
    const at: number[] = [];
    const outbox = createOutbox({
      window: 3,
      backoff: () => 100,
      deliver: async () => {
        at.push(Date.now());
        if (at.length === 1) throw new PushedBack('later', 7000);
        return { rejected: 0 };
      },
    });
    await outbox.send(somePoints(1));
    await vi.advanceTimersByTimeAsync(0);
    await outbox.send(somePoints(1, 1));
    await vi.advanceTimersByTimeAsync(6999);
    expect(at).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(1);
    expect(at.slice(1).every((time) => time - (at[0] ?? 0) === 7000)).toBe(true);
    expect(outbox.counts().acknowledged).toBe(2);
  });

  test('failures are tried again after waits that grow, from the start again after a success', async () => {
    const attempts: number[] = [];
    let failing = 3;
    const outbox = createOutbox({
      window: 1,
      backoff: (attempt) => {
        attempts.push(attempt);
        return 1;
      },
      deliver: async () => {
        if (failing-- > 0) throw new Error('no');
        return { rejected: 0 };
      },
    });
    await outbox.send(somePoints(1));
    await vi.advanceTimersByTimeAsync(100);
    failing = 1;
    await outbox.send(somePoints(1, 1));
    await vi.advanceTimersByTimeAsync(100);
    expect(attempts).toEqual([0, 1, 2, 0]);
    expect(outbox.counts().acknowledged).toBe(2);
  });

  test('repeats go out before what is newer', async () => {
    const order: number[][] = [];
    let failing = true;
    const outbox = createOutbox({
      window: 2,
      batchPoints: 2,
      backoff: () => 50,
      deliver: async (batch) => {
        if (failing) throw new Error('no');
        order.push(valuesOf(batch));
        return { rejected: 0 };
      },
    });
    await outbox.send(somePoints(6));
    await vi.advanceTimersByTimeAsync(10);
    failing = false;
    await vi.advanceTimersByTimeAsync(100);
    expect(order.flat()).toEqual([0, 1, 2, 3, 4, 5]);
  });

  test('a full queue gives up its oldest points and counts every one', async () => {
    const arrived: number[] = [];
    const gate = Promise.withResolvers<void>();
    const outbox = createOutbox({
      window: 1,
      queuePoints: 10,
      batchPoints: 2,
      deliver: async (batch) => {
        await gate.promise;
        arrived.push(...valuesOf(batch));
        return { rejected: 0 };
      },
    });
    await outbox.send(somePoints(2));
    await outbox.send(somePoints(23, 2));
    expect(outbox.counts()).toMatchObject({ queued: 10, dropped: 15 });
    gate.resolve();
    await outbox.flush();
    expect(arrived).toEqual([0, 1, 17, 18, 19, 20, 21, 22, 23, 24]);
  });

  test('or, told to wait, makes the sender wait instead and drops nothing', async () => {
    let gate = Promise.withResolvers<void>();
    const outbox = createOutbox({
      window: 1,
      queuePoints: 10,
      batchPoints: 5,
      whenFull: 'wait',
      deliver: async () => {
        await gate.promise;
        return { rejected: 0 };
      },
    });
    let sent = false;
    const sending = outbox.send(somePoints(25)).then(() => {
      sent = true;
    });
    await vi.advanceTimersByTimeAsync(1000);
    expect(sent).toBe(false);
    expect(outbox.counts()).toMatchObject({ queued: 10, dropped: 0 });
    gate.resolve();
    gate = Promise.withResolvers();
    gate.resolve();
    await sending;
    await outbox.flush();
    expect(outbox.counts()).toEqual({ queued: 0, acknowledged: 25, rejected: 0, dropped: 0 });
  });

  test('no message is larger than the server takes', async () => {
    const sizes: number[] = [];
    const outbox = createOutbox({
      window: 1,
      batchPoints: 5000,
      deliver: async ({ points }) => {
        sizes.push(Buffer.byteLength(`{"points":[${points.join(',')}]}`));
        return { rejected: 0 };
      },
    });
    await outbox.send(Array.from({ length: 3000 }, () => ({ metric: 'note', value: 'ü'.repeat(500), timestamp: 1 })));
    await outbox.flush();
    expect(sizes.length).toBeGreaterThan(1);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(limits.batchBytes);
  });

  test('a message that is wrong in itself is counted as not stored and never repeated', async () => {
    const problems: string[] = [];
    const deliver = vi.fn(async () => {
      throw new MessageRefused('HTTP 400');
    });
    const outbox = createOutbox({ window: 1, deliver, onProblem: (text) => problems.push(text) });
    await outbox.send(somePoints(3));
    await outbox.flush();
    expect(deliver).toHaveBeenCalledTimes(1);
    expect(outbox.counts()).toEqual({ queued: 0, acknowledged: 3, rejected: 3, dropped: 0 });
    expect(problems).toEqual(['HTTP 400']);
  });

  test('a refused device stops: what is left is counted as given up and the sender is told', async () => {
    const deliver = vi.fn(async () => {
      throw new LinkRefused('401');
    });
    const outbox = createOutbox({ window: 1, batchPoints: 2, deliver });
    await outbox.send(somePoints(5));
    await expect(outbox.flush()).rejects.toThrow(LinkRefused);
    await expect(outbox.send(somePoints(1))).rejects.toThrow(LinkRefused);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(deliver).toHaveBeenCalledTimes(1);
    expect(outbox.counts()).toEqual({ queued: 0, acknowledged: 0, rejected: 0, dropped: 5 });
  });

  test('closing wakes a waiting sender and accounts for what it takes along', async () => {
    const outbox = createOutbox({
      window: 1,
      queuePoints: 4,
      whenFull: 'wait',
      deliver: () => new Promise(() => undefined),
    });
    const sending = outbox.send(somePoints(9));
    const refused = expect(sending).rejects.toThrow('closed');
    await vi.advanceTimersByTimeAsync(10);
    outbox.close(new Error('closed'));
    await refused;
    expect(outbox.counts().queued + outbox.counts().dropped).toBe(4);
    await expect(createOutbox({ window: 1, deliver: stored }).flush()).resolves.toBeUndefined();
  });
});

test('waits double up to a ceiling and are spread over their upper half', () => {
  fc.assert(
    fc.property(fc.nat(60), fc.double({ min: 0, max: 0.999, noNaN: true }), (attempt, random) => {
      const wait = exponentialBackoff(500, 30_000, () => random)(attempt);
      const ceiling = Math.min(30_000, 500 * 2 ** attempt);
      expect(wait).toBeGreaterThanOrEqual(ceiling / 2);
      expect(wait).toBeLessThanOrEqual(ceiling);
    }),
  );
});
