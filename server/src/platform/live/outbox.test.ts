import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createOutbox, type OutboxLimits } from './outbox.ts';

const limits: OutboxLimits = { slowBytes: 100, queuedMessages: 5, queuedCharacters: 1000, coalescedKeys: 3 };

function setUp(own: Partial<OutboxLimits> = {}) {
  let buffered = 0;
  const written: Record<string, unknown>[] = [];
  const counted = { sent: 0, skipped: 0 };
  const sink = {
    buffered: () => buffered,
    write(text: string) {
      written.push(JSON.parse(text));
      buffered += text.length;
    },
  };
  const outbox = createOutbox(
    sink,
    { ...limits, ...own },
    {
      sent: (n) => {
        counted.sent += n;
      },
      skipped: (n) => {
        counted.skipped += n;
      },
    },
  );
  const take = () => {
    buffered = 0;
    outbox.drain();
  };
  const fill = () => {
    buffered = 1000;
  };
  return { outbox, written, counted, take, fill };
}

test('a reader that keeps up gets everything in order at once', () => {
  const { outbox, written, take } = setUp();
  outbox.send({ n: 1 }, 'a');
  outbox.send({ n: 2 }, 'a');
  outbox.send({ n: 3 }, undefined);
  take();
  expect(written).toEqual([{ n: 1 }, { n: 2 }, { n: 3 }]);
});

describe('a slow reader', () => {
  test('gets the newest message per key and the number left out', () => {
    const { outbox, written, take, fill, counted } = setUp();
    fill();
    for (let n = 1; n <= 10; n += 1) outbox.send({ a: n }, 'a');
    outbox.send({ b: 1 }, 'b');
    take();
    expect(written).toEqual([{ a: 10, skipped: 9 }, { b: 1 }]);
    expect(counted).toEqual({ sent: 2, skipped: 9 });
  });

  test('gets answers first, none left out', () => {
    const { outbox, written, take, fill } = setUp();
    fill();
    outbox.send({ a: 1 }, 'a');
    outbox.send({ answer: 1 }, undefined);
    outbox.send({ answer: 2 }, undefined);
    expect(outbox.isBehind).toBe(true);
    take();
    expect(outbox.isBehind).toBe(false);
    expect(written).toEqual([{ answer: 1 }, { answer: 2 }, { a: 1 }]);
  });

  test('is given up when more waits than the limits allow', () => {
    const messages = setUp();
    messages.fill();
    for (let n = 0; n < 5; n += 1) expect(messages.outbox.send({ n }, undefined)).toBe(true);
    expect(messages.outbox.send({ n: 6 }, undefined)).toBe(false);

    const characters = setUp();
    characters.fill();
    expect(characters.outbox.send({ text: 'x'.repeat(900) }, undefined)).toBe(true);
    expect(characters.outbox.send({ text: 'x'.repeat(100) }, undefined)).toBe(false);

    const keys = setUp();
    keys.fill();
    for (const key of ['a', 'b', 'c', 'a']) expect(keys.outbox.send({}, key)).toBe(true);
    expect(keys.outbox.send({}, 'd')).toBe(false);
  });

  test('may queue again once it has caught up', () => {
    const { outbox, take, fill, written } = setUp();
    for (let round = 0; round < 20; round += 1) {
      fill();
      for (let n = 0; n < 5; n += 1) expect(outbox.send({ text: 'x'.repeat(150) }, undefined)).toBe(true);
      for (let n = 0; n < 5; n += 1) take();
    }
    expect(written).toHaveLength(100);
  });

  test('hears nothing more of what it no longer wants', () => {
    const { outbox, written, take, fill } = setUp();
    fill();
    outbox.send({ a: 1 }, '1:a');
    outbox.send({ a: 2 }, '2:a');
    outbox.discard('1:');
    take();
    expect(written).toEqual([{ a: 2 }]);
  });
});

test('whatever the pace: each key in order, ending with its newest, and sent plus skipped is all there was', () => {
  const step = fc.oneof(
    fc.record({ key: fc.constantFrom('a', 'b', 'c') }),
    fc.constant({ take: true }),
    fc.constant({ fill: true }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 100 }), (steps) => {
      const { outbox, written, take, fill, counted } = setUp();
      const given = new Map<string, number>();
      for (const what of steps) {
        if ('take' in what) take();
        else if ('fill' in what) fill();
        else {
          const n = (given.get(what.key) ?? 0) + 1;
          given.set(what.key, n);
          expect(outbox.send({ key: what.key, n }, what.key)).toBe(true);
        }
      }
      for (let n = 0; n < 5; n += 1) take();
      for (const [key, total] of given) {
        const own = written.filter((message) => message.key === key);
        const numbers = own.map((message) => Number(message.n));
        expect(numbers).toEqual(numbers.toSorted((a, b) => a - b));
        expect(numbers.at(-1)).toBe(total);
        expect(own.reduce((sum, message) => sum + 1 + Number(message.skipped ?? 0), 0)).toBe(total);
      }
      expect(counted.sent).toBe(written.length);
    }),
  );
});
