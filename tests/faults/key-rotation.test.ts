import { expect, test } from 'vitest';
import { rotateUnderFire } from '../support/key-rotation.ts';

// tests/soak/key-rotation.soak.ts kills it 20 times.
test('a rotation killed under reads and writes refuses nothing and loses nothing, and goes on', {
  timeout: 180_000,
}, async () => {
  const { reads, writes } = await rotateUnderFire({ kills: 4, rows: 500 });
  expect(Math.min(reads, writes)).toBeGreaterThan(100);
});
