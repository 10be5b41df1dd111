import { describe, expect, test } from 'vitest';
import { createByteProgress, drawBytes, inUnits } from './byte-progress.ts';

describe('the line', () => {
  test.each([
    [{ done: 0, totalBytes: 10e9, seconds: 0 }, 80, `[${'·'.repeat(30)}]   0 %  0 B of 10.0 GB  0 B/s  --:-- left`],
    [
      { done: 5e9, totalBytes: 10e9, seconds: 5 },
      70,
      `[${'█'.repeat(10)}${'·'.repeat(10)}]  50 %  5.0 GB of 10.0 GB  1.0 GB/s  00:05 left`,
    ],
    [{ done: 20, totalBytes: 10, seconds: 1 }, 30, '100 %  20 B of 10 B  20 B/s  '],
    [{ done: 0, totalBytes: 0, seconds: 1 }, 30, '100 %  0 B of 0 B  0 B/s  --:'],
    [{ done: 5_000, totalBytes: undefined, seconds: 2 }, 80, '5.0 kB  2.5 kB/s'],
    [{ done: 5_000, totalBytes: undefined, seconds: 2 }, 8, '5.0 kB '],
  ])('%j in %i columns', (state, width, line) => {
    const drawn = drawBytes(state, width);
    expect(drawn.length).toBeLessThan(width);
    expect(drawn).toBe(line);
  });

  test('shows what is left of an hour and more', () => {
    expect(drawBytes({ done: 1_000, totalBytes: 5_000_000, seconds: 1 }, 80)).toContain('1:23:19 left');
  });
});

test.each([
  [0, '0 B'],
  [999, '999 B'],
  [1_000, '1.0 kB'],
  [10_000_000_000, '10.0 GB'],
  [5e15, '5000.0 TB'],
])('%i bytes are %s', (bytes, text) => expect(inUnits(bytes)).toBe(text));

test('it is drawn at most ten times a second, and not at all where nobody watches', () => {
  let time = 0;
  const drawn: string[] = [];
  const terminal = { isTTY: true, columns: 60, write: (text: string) => drawn.push(text) };
  const progress = createByteProgress(terminal, 100, () => time);
  for (; time < 500; time += 10) progress.add(2);
  expect(drawn.length).toBe(5);
  progress.finish();
  expect(drawn.at(-2)).toContain('100 %');
  expect(drawn.at(-1)).toBe('\n');

  const silent: string[] = [];
  const nobody = createByteProgress({ write: (text: string) => silent.push(text) }, 100, () => time);
  nobody.add(100);
  nobody.finish();
  expect(silent).toEqual([]);
});
