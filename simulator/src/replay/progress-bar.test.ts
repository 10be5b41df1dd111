import { expect, test } from 'vitest';
import { describeReplay, type ReplayProgress } from './progress.ts';
import { createProgressBar, drawProgress } from './progress-bar.ts';

const halfWay: ReplayProgress = {
  share: 0.5,
  lines: 500,
  points: 499,
  acknowledged: 400,
  badLines: 1,
  linesPerSecond: 1234.4,
  remainingSeconds: 3725,
};

test('the bar says how far, how fast and how long still, and never breaks the line', () => {
  const line = drawProgress(halfWay, 100);
  expect(line).toMatch(/^\[█+·+\] {2}50 % {2}499 points, 400 stored {2}1234 lines\/s {2}1:02:05 left {2}1 bad$/);
  for (let width = 1; width < 120; width++) expect(drawProgress(halfWay, width).length).toBeLessThan(width);
});

test('a terminal gets at most ten drawings a second and the last state; anything else gets nothing', () => {
  const written: string[] = [];
  let now = 0;
  const terminal = { isTTY: true, columns: 100, write: (text: string) => written.push(text) };
  const bar = createProgressBar(terminal, () => now);
  for (; now < 1000; now += 10) bar.update(halfWay);
  expect(written).toHaveLength(10);
  bar.update({ ...halfWay, share: 1 });
  bar.finish();
  expect(written.slice(-2).join('')).toMatch(/100 %.*\n$/);

  written.length = 0;
  const silent = createProgressBar({ ...terminal, isTTY: false });
  silent.update(halfWay);
  silent.finish();
  expect(written).toEqual([]);
});

test('the summary names the first bad lines and how many there are besides', () => {
  const firstBadLines = Array.from({ length: 30 }, (_, index) => ({ line: index + 2, reason: 'not a time: "x"' }));
  const text = describeReplay({
    lines: 100,
    sent: 69,
    acknowledged: 60,
    rejected: 2,
    dropped: 9,
    badLines: 30,
    firstBadLines,
    devices: 1,
    seconds: 1.25,
  });
  expect(text).toContain('69 points sent, 60 acknowledged, 2 not stored, 9 given up, 30 bad lines in 1.3 s');
  expect(text).toContain('line 2: not a time: "x"');
  expect(text).toContain('… and 20 more');
});
