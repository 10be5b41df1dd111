import { test } from 'vitest';
import { rotateUnderFire } from '../support/key-rotation.ts';

test('a rotation killed 20 times under reads and writes refuses nothing and loses nothing', async () => {
  const { reads, writes } = await rotateUnderFire({ kills: 20, rows: 2_000 });
  console.log(`${reads} reads and ${writes} writes meanwhile`);
});
