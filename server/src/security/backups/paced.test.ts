import { expect, test } from 'vitest';
import { paced } from './paced.ts';

test('rests three times as long as a block took, a second at most, and not at all once it has gone on for six hours', async () => {
  let time = 0;
  const paused: number[] = [];
  const took = [10, 200, 5_000, 6 * 3_600_000, 10];
  async function* blocks() {
    for (const [index, ms] of took.entries()) {
      time += ms;
      yield Buffer.of(index);
    }
  }
  const clock = {
    now: () => time,
    pause: async (ms: number) => {
      paused.push(ms);
      time += ms;
    },
  };
  const read: number[] = [];
  for await (const block of paced(blocks(), clock)) {
    read.push(...block);
    // What its reader does with it is not counted.
    time += 70;
  }
  expect(read).toEqual([0, 1, 2, 3, 4]);
  expect(paused).toEqual([30, 600, 1_000, 1_000]);
});
