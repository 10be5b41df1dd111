import { describe, expect, it } from 'vitest';
import { manualClock } from '../../../lib/clock.ts';
import { OutboundError } from '../../../platform/outbound/outbound-error.ts';
import type { StoredEvent } from '../destination.ts';
import { aSecurityEvent } from '../siem.builders.ts';
import type { Progress } from '../siem.repository.ts';
import type { Link } from '../transports/link.ts';
import { deliver, deliveryTimes, retryAfterMs } from './delivery.ts';

const quiet = { debug() {}, info() {}, warn() {}, error() {} };
const SECOND = 1_000;

/** A delivery over events that are there, with time that passes as it pauses. */
function aDelivery(options: { acknowledges: boolean; from?: number; events?: number }) {
  const clock = manualClock(1_800_000_000_000);
  const stopping = new AbortController();
  const began = clock.now();
  const table: StoredEvent[] = [];
  const add = (count: number): void => {
    for (let nth = 0; nth < count; nth += 1) table.push({ position: table.length + 1, event: aSecurityEvent() });
  };
  add(options.events ?? 0);
  const sent: number[][] = [];
  const records: (Progress & { second: number })[] = [];
  const spooled: number[] = [];
  const happenings = new Map<number, () => void>();
  const receiver = {
    fails: undefined as Error | undefined,
    fault: undefined as Error | undefined,
    confirms: 0,
    connects: 0,
    closed: Promise.resolve(),
  };
  let isDatabaseAway = false;
  let isChanged = false;
  const link = (): Link => {
    receiver.fault = undefined;
    return {
      acknowledges: options.acknowledges,
      async connect() {
        receiver.connects += 1;
      },
      async send(events) {
        if (receiver.fails) throw receiver.fails;
        sent.push(events.map(({ position }) => position));
        return { refused: 0, answer: '' };
      },
      fault: () => receiver.fault,
      async confirm() {
        if (receiver.fails) throw receiver.fails;
        receiver.confirms += 1;
      },
      async close() {
        await receiver.closed;
      },
    };
  };
  const run = (seconds: number) => {
    happenings.set(seconds, () => stopping.abort());
    return deliver(
      {
        subscription: { id: 'a', settledPosition: options.from ?? 0 },
        openLink: async () => link(),
        source: {
          async next(after, limit) {
            if (isDatabaseAway) throw new Error('the database is away');
            const events = table.filter(({ position }) => position > after).slice(0, limit);
            return { events, upTo: events.at(-1)?.position ?? after };
          },
          async collect(after) {
            spooled.push(after);
          },
        },
        spool: {
          range: () => undefined,
          bytes: () => 0,
          append: async () => true,
          read: async () => [],
          async trim() {},
          async clear() {},
        },
        async record(progress) {
          if (isDatabaseAway) throw new Error('the database is away');
          if (isChanged) return false;
          records.push({ ...progress, second: (clock.now() - began) / SECOND });
          return true;
        },
        async pause(milliseconds) {
          clock.advance(milliseconds);
          const second = Math.floor((clock.now() - began) / SECOND);
          for (const [at, happen] of [...happenings]) {
            if (at > second) continue;
            happenings.delete(at);
            happen();
          }
        },
        clock,
        random: () => 1,
        log: quiet as never,
      },
      stopping.signal,
    );
  };
  return {
    sent,
    records,
    spooled,
    receiver,
    run,
    add,
    at: (second: number, happen: () => void) => happenings.set(second, happen),
    database: (isAway: boolean) => {
      isDatabaseAway = isAway;
    },
    change: () => {
      isChanged = true;
    },
  };
}

const away = new OutboundError('unreachable', 'nobody listens');

describe('to a receiver that acknowledges', () => {
  it('every event goes once and settles at once', async () => {
    const delivery = aDelivery({ acknowledges: true, from: 3, events: 1_100 });
    await delivery.run(5);
    expect(delivery.sent.flat()).toEqual(Array.from({ length: 1_097 }, (_, nth) => nth + 4));
    expect(delivery.records.at(-1)).toMatchObject({ settledPosition: 1_100, sentPosition: 1_100, failure: null });
  });

  it('what fails goes again, later each time, while what waits is brought to disk; the first success clears it', async () => {
    const delivery = aDelivery({ acknowledges: true, events: 2 });
    delivery.receiver.fails = away;
    delivery.at(200, () => {
      delivery.receiver.fails = undefined;
    });
    await delivery.run(260);
    const failures = delivery.records.filter(({ failure }) => failure !== null);
    expect(failures.map(({ second }) => second)).toEqual([0, 1, 3, 7, 15, 31, 63, 123, 183]);
    expect(failures[0]?.failure).toMatchObject({ text: 'nobody listens' });
    expect(delivery.spooled.length).toBeGreaterThan(100);
    expect(delivery.sent).toEqual([[1, 2]]);
    expect(delivery.records.at(-1)).toMatchObject({ settledPosition: 2, failure: null });
  });
});

describe('to a receiver that acknowledges nothing', () => {
  it('all that it has not confirmed goes again after a break, however long ago it went', async () => {
    const delivery = aDelivery({ acknowledges: false, events: 3 });
    delivery.at(10, () => delivery.add(2));
    delivery.at(20, () => {
      delivery.receiver.fault = away;
    });
    await delivery.run(25);
    expect(delivery.sent).toEqual([
      [1, 2, 3],
      [4, 5],
      [1, 2, 3, 4, 5],
    ]);
    expect(delivery.records.every(({ settledPosition }) => settledPosition === 0)).toBe(true);
  });

  it('what is half a minute old when it confirms has arrived; what is younger goes again', async () => {
    const delivery = aDelivery({ acknowledges: false, events: 3 });
    delivery.at(25, () => delivery.add(2));
    delivery.at(40, () => {
      delivery.receiver.fault = away;
    });
    await delivery.run(45);
    expect([delivery.receiver.confirms, delivery.receiver.connects]).toEqual([1, 1]);
    // Confirmed at 30 s, written down within ten.
    expect(delivery.records.find(({ settledPosition }) => settledPosition === 3)?.second).toBe(35);
    expect(delivery.sent).toEqual([
      [1, 2, 3],
      [4, 5],
      [4, 5],
    ]);
  });

  it('one that does not confirm has broken off', async () => {
    const delivery = aDelivery({ acknowledges: false, events: 3 });
    delivery.at(29, () => {
      delivery.receiver.fails = away;
    });
    delivery.at(33, () => {
      delivery.receiver.fails = undefined;
    });
    await delivery.run(40);
    expect(delivery.sent).toEqual([
      [1, 2, 3],
      [1, 2, 3],
    ]);
    expect(delivery.records.some(({ settledPosition }) => settledPosition > 0)).toBe(false);
  });

  it('an end while nothing is under way is no failure', async () => {
    const delivery = aDelivery({ acknowledges: false, events: 3 });
    delivery.at(70, () => {
      delivery.receiver.fault = away;
    });
    await delivery.run(80);
    expect(delivery.records.every(({ failure }) => failure === null)).toBe(true);
    expect(delivery.sent).toEqual([[1, 2, 3]]);
  });
});

describe('a delivery', () => {
  it('does not blame the receiver for the database, and goes on where it was', async () => {
    const delivery = aDelivery({ acknowledges: true, events: 2 });
    delivery.at(5, () => delivery.database(true));
    delivery.at(10, () => {
      delivery.add(2);
      delivery.database(false);
    });
    await delivery.run(15);
    expect(delivery.sent).toEqual([
      [1, 2],
      [3, 4],
    ]);
    expect(delivery.records.every(({ failure }) => failure === null)).toBe(true);
  });

  it('ends, and writes nothing over it, when the destination was changed meanwhile', async () => {
    const delivery = aDelivery({ acknowledges: true, events: 2 });
    delivery.at(5, () => {
      delivery.change();
      delivery.add(2);
    });
    await delivery.run(1_000);
    expect(delivery.sent).toEqual([
      [1, 2],
      [3, 4],
    ]);
    expect(delivery.records).toHaveLength(1);
  });

  it('is over only when nothing more of it can arrive, so that the next one does not speak beside it', async () => {
    const delivery = aDelivery({ acknowledges: false, events: 2 });
    const { promise, resolve } = Promise.withResolvers<void>();
    delivery.receiver.closed = promise;
    let isOver = false;
    const run = delivery.run(5).then(() => {
      isOver = true;
    });
    await new Promise((turn) => setTimeout(turn, 50));
    expect([delivery.sent, isOver]).toEqual([[[1, 2]], false]);
    resolve();
    await run;
  });

  it('waits twice as long each time up to a minute, half of it by chance', () => {
    const waits = (chance: number) =>
      [1, 2, 3, 7, 8, 50].map((failures) => retryAfterMs(failures, chance, deliveryTimes));
    expect(waits(1)).toEqual([1_000, 2_000, 4_000, 60_000, 60_000, 60_000]);
    expect(waits(0)).toEqual([500, 1_000, 2_000, 30_000, 30_000, 30_000]);
  });
});
