import { randomFillSync } from 'node:crypto';
import { type Clock, systemClock } from './clock.ts';

// RFC 9562 version 7: 48 bits of time, then here a 42-bit counter and 32 random bits. The counter starts anywhere in its lower
// half each millisecond and rises by a random step, so ids of one process sort in the order they were made and index inserts stay
// at the right-hand edge of the tree. Ids are names, not secrets: nothing is ever granted for knowing one.
const COUNTER_LIMIT = 2 ** 42;
const RANDOM_POOL_BYTES = 4096;
const BYTES_PER_ID = 12;

const ID_PATTERN = /^[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

export function createIdSource(clock: Clock): () => string {
  const pool = Buffer.alloc(RANDOM_POOL_BYTES);
  let used = RANDOM_POOL_BYTES;
  let lastMillisecond = 0;
  let counter = 0;

  return () => {
    if (used + BYTES_PER_ID > RANDOM_POOL_BYTES) {
      randomFillSync(pool);
      used = 0;
    }
    const now = clock.now();
    if (now > lastMillisecond) {
      lastMillisecond = now;
      counter = pool.readUIntBE(used, 6) % (COUNTER_LIMIT / 2);
    } else {
      // The same millisecond, or a clock set back: stay where we were rather than make ids that sort before earlier ones.
      counter += 1 + pool.readUInt32BE(used);
      if (counter >= COUNTER_LIMIT) {
        lastMillisecond += 1;
        counter = pool.readUInt32BE(used);
      }
    }
    const random = pool.readUInt32BE(used + 8);
    used += BYTES_PER_ID;
    return format(lastMillisecond, counter, random);
  };
}

function format(millisecond: number, counter: number, random: number): string {
  const time = millisecond.toString(16).padStart(12, '0');
  const high = Math.floor(counter / 2 ** 30); // 12 bits
  const low = counter % 2 ** 30; // 30 bits: 14 after the variant, 16 in the node
  const versioned = (0x7000 | high).toString(16);
  const variant = (0x8000 | Math.floor(low / 2 ** 16)).toString(16);
  const node = (low % 2 ** 16).toString(16).padStart(4, '0') + random.toString(16).padStart(8, '0');
  return `${time.slice(0, 8)}-${time.slice(8)}-${versioned}-${variant}-${node}`;
}

/** A new UUIDv7 in lower case. */
export const newId: () => string = createIdSource(systemClock);

/** Whether the text is a UUID in the one spelling we write: lower case, with hyphens. */
export function isId(text: unknown): text is string {
  return typeof text === 'string' && ID_PATTERN.test(text);
}
