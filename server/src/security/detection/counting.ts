import { randomBytes } from 'node:crypto';
import type { Rule } from './scenario.ts';
import { fieldOf, type SeenEvent } from './seen-event.ts';

/** What led to a conclusion: positions of events, at most `MOST_EVIDENCE` of them, and how many there were. */
export interface Led {
  readonly positions: readonly number[];
  readonly firstAt: number;
  readonly count: number;
}

/** Counts the events of one subject; answers once what the rule says is reached, and is then done with. */
export type Counting = (event: SeenEvent, step: number) => Led | undefined;

export const MOST_EVIDENCE = 50;

export function countingOf(rule: Rule): () => Counting {
  switch (rule.type) {
    case 'trigger':
      return () => (event) => ({ positions: [event.position], firstAt: event.at, count: event.count });
    case 'window':
      return () => windowCounting(rule.count, rule.seconds * 1_000);
    case 'bucket': {
      const amount = rule.amount === undefined ? undefined : fieldOf(rule.amount);
      const amountOf = (event: SeenEvent): number => (amount ? Math.max(0, Number(amount(event)) || 0) : event.count);
      return () => bucketCounting(rule.capacity, rule.drainsIn * 1_000, amountOf);
    }
    case 'distinct': {
      const of = Object.entries(rule.of).map(([name, most]) => ({ read: fieldOf(name), most }));
      return () => distinctCounting(of, rule.seconds * 1_000);
    }
    case 'sequence':
      return () => sequenceCounting(rule.steps.length, rule.seconds * 1_000);
  }
}

/**
 * The last events, as far back as the window reaches and `most` of them. Their times need not be in order, since several servers write: what
 * is too old but not the oldest in the row is left out only by `led`, which therefore is what a rule decides by.
 */
function recent(withinMs: number, most: number) {
  const at: number[] = [];
  const positions: number[] = [];
  const counts: number[] = [];
  let head = 0;
  let newest = Number.NEGATIVE_INFINITY;
  let total = 0;

  function dropOldest(): void {
    total -= counts[head] as number;
    head += 1;
  }

  return {
    /** How many there are, or more. */
    add(event: SeenEvent): number {
      newest = Math.max(newest, event.at);
      at.push(event.at);
      positions.push(event.position);
      counts.push(event.count);
      total += event.count;
      // What is exactly as old as the window is long is outside of it.
      while (head < at.length && (newest - (at[head] as number) >= withinMs || at.length - head > most)) dropOldest();
      if (head > 32 && head * 2 > at.length) {
        for (const list of [at, positions, counts]) list.splice(0, head);
        head = 0;
      }
      return total;
    },
    led(): Led {
      let firstAt = Number.POSITIVE_INFINITY;
      let count = 0;
      const within: number[] = [];
      for (let n = head; n < at.length; n += 1) {
        const time = at[n] as number;
        if (newest - time >= withinMs) continue;
        firstAt = Math.min(firstAt, time);
        count += counts[n] as number;
        within.push(positions[n] as number);
      }
      return { positions: within.slice(-MOST_EVIDENCE), firstAt, count };
    },
  };
}

function windowCounting(count: number, withinMs: number): Counting {
  // Each counts for one at least, so the row is never longer than what is counted to.
  const events = recent(withinMs, count);
  return (event) => {
    if (events.add(event) < count) return undefined;
    const led = events.led();
    return led.count >= count ? led : undefined;
  };
}

function bucketCounting(capacity: number, drainsInMs: number, amountOf: (event: SeenEvent) => number): Counting {
  const events = recent(drainsInMs, MOST_EVIDENCE);
  let level = 0;
  let at = Number.NEGATIVE_INFINITY;
  return (event) => {
    // An event that is told late drains nothing and counts.
    const passed = at === Number.NEGATIVE_INFINITY ? 0 : Math.max(0, event.at - at);
    level = Math.max(0, level - (capacity * passed) / drainsInMs) + amountOf(event);
    at = Math.max(at, event.at);
    events.add(event);
    return level > capacity ? events.led() : undefined;
  };
}

function distinctCounting(
  of: readonly { readonly read: (event: SeenEvent) => unknown; readonly most: number }[],
  withinMs: number,
): Counting {
  const events = recent(withinMs, MOST_EVIDENCE);
  const values = of.map(() => new Map<number, number>());
  let newest = Number.NEGATIVE_INFINITY;
  return (event) => {
    newest = Math.max(newest, event.at);
    events.add(event);
    let reached = true;
    for (const [index, { read, most }] of of.entries()) {
      const seen = values[index] as Map<number, number>;
      const value = read(event);
      if (value !== null && value !== undefined) {
        const print = fingerprint(String(value));
        const last = seen.get(print) ?? event.at;
        // Behind the others, whose turn to make room comes first.
        seen.delete(print);
        seen.set(print, Math.max(event.at, last));
      }
      for (const [print, last] of seen) if (newest - last >= withinMs) seen.delete(print);
      // Enough of these, others are missing: those not seen for longest make room, so a subject costs a bounded amount of memory.
      for (const [print] of seen) {
        if (seen.size <= most) break;
        seen.delete(print);
      }
      if (seen.size < most) reached = false;
    }
    return reached ? events.led() : undefined;
  };
}

function sequenceCounting(steps: number, withinMs: number): Counting {
  // When each step was reached by the latest beginning that got there; a beginning that is newer is always as good.
  const began: (number | undefined)[] = Array.from({ length: steps });
  const positions: number[][] = Array.from({ length: steps }, () => []);
  return (event, step) => {
    if (step === 0) {
      began[0] = event.at;
      positions[0] = [event.position];
      return undefined;
    }
    const since = began[step - 1];
    if (since === undefined || event.at - since >= withinMs || event.at < since) return undefined;
    const led = [...(positions[step - 1] ?? []), event.position];
    if (step === steps - 1) return { positions: led, firstAt: since, count: led.length };
    began[step] = since;
    positions[step] = led;
    return undefined;
  };
}

/** Values are strangers' and may be long; a number of 53 bits stands for each. Seeded, so that nobody can choose two that look alike. */
const seed = randomBytes(8);
const seedOne = seed.readUInt32LE(0);
const seedTwo = seed.readUInt32LE(4);
function fingerprint(text: string): number {
  let one = 0xdeadbeef ^ seedOne;
  let two = 0x41c6ce57 ^ seedTwo;
  for (let n = 0; n < text.length; n += 1) {
    const code = text.charCodeAt(n);
    one = Math.imul(one ^ code, 2_654_435_761);
    two = Math.imul(two ^ code, 1_597_334_677);
  }
  one = Math.imul(one ^ (one >>> 16), 2_246_822_507) ^ Math.imul(two ^ (two >>> 13), 3_266_489_909);
  two = Math.imul(two ^ (two >>> 16), 2_246_822_507) ^ Math.imul(one ^ (one >>> 13), 3_266_489_909);
  return 4_294_967_296 * (2_097_151 & two) + (one >>> 0);
}
