import { setTimeout as delay } from 'node:timers/promises';
import type { Blocks } from '../../lib/blocks.ts';

/** Of the time until then: reading, and letting others have the machine. */
const SHARE_READING = 1 / 4;
/** A longer wait says nothing about reading: whoever made the block had to wait for the processor, too. */
const LONGEST_PAUSE_MS = 1_000;
/** What is not read by then is read as fast as it goes: a backup is over within the day, whatever its size. */
const PACED_MS = 6 * 3_600_000;

/**
 * Reads a quarter of the time. COPY keeps a process of PostgreSQL at work for as long as somebody reads, which is half of what a machine with two
 * processors has for those who write; its priority is not ours to lower, on another machine or as another user. But it stops once a few hundred
 * kilobytes are not taken, so what is not read costs nothing. The pause follows from how long the block took, so it is the same share of any
 * machine, and grows where that one is busy with something else.
 */
export async function* paced(
  blocks: Blocks,
  { now, pause }: { now(): number; pause(ms: number): Promise<unknown> } = {
    now: () => performance.now(),
    pause: delay,
  },
): AsyncGenerator<Uint8Array> {
  const begunAt = now();
  let from = begunAt;
  for await (const block of blocks) {
    const took = now() - from;
    if (from - begunAt < PACED_MS) await pause(Math.min(took * (1 / SHARE_READING - 1), LONGEST_PAUSE_MS));
    yield block;
    from = now();
  }
}
