import { existsSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { manualClock } from '../../lib/clock.ts';
import { createBallast } from './ballast.ts';
import { checkSpace, createSpaceGuard } from './disk-space.ts';

const MIB = 1024 * 1024;

function aGuard(freeBytes: number | undefined) {
  const clock = manualClock(0);
  const disk = { freeBytes };
  const guard = createSpaceGuard({
    path: '/somewhere',
    minimumFreeBytes: 100 * MIB,
    intervalMs: 1_000,
    clock,
    measure: () => {
      if (disk.freeBytes === undefined) throw new Error('no such disk');
      return { freeBytes: disk.freeBytes, totalBytes: 1_000 * MIB };
    },
  });
  onTestFinished(() => guard.stop());
  const after = (free: number | undefined) => {
    disk.freeBytes = free;
    clock.advance(2_000);
    return guard.writable();
  };
  return { guard, after };
}

test('writes stop below the minimum and resume only well above it', () => {
  const { guard, after } = aGuard(500 * MIB);
  expect(guard.writable()).toBe(true);
  expect(after(100 * MIB)).toBe(true);
  expect(after(99 * MIB)).toBe(false);
  expect(after(105 * MIB)).toBe(false);
  expect(after(110 * MIB)).toBe(true);
});

test('a disk that is short from the start, or cannot be asked, takes no writes', () => {
  expect(aGuard(10 * MIB).guard.writable()).toBe(false);
  const { guard, after } = aGuard(undefined);
  expect(guard.writable()).toBe(false);
  expect(after(500 * MIB)).toBe(true);
  expect(after(undefined)).toBe(false);
});

test('the real disk is measured in bytes', () => {
  const { freeBytes, totalBytes } = checkSpace(tmpdir());
  expect(freeBytes).toBeGreaterThan(MIB);
  expect(totalBytes).toBeGreaterThan(freeBytes);
});

test('the ballast holds real blocks until it is given up, once', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'valtronics-ballast-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const ballast = createBallast(folder, 4 * MIB);
  await ballast.ensure();
  await ballast.ensure();
  const file = join(folder, 'ballast');
  expect(statSync(file).size).toBe(4 * MIB);
  expect(statSync(file).blocks * 512).toBeGreaterThanOrEqual(4 * MIB);
  expect(ballast.release()).toBe(true);
  expect(existsSync(file)).toBe(false);
  expect(ballast.release()).toBe(false);
});

test('no ballast is set aside where space is short', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'valtronics-ballast-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  await createBallast(folder, checkSpace(folder).freeBytes / 2).ensure();
  expect(existsSync(join(folder, 'ballast'))).toBe(false);
});
