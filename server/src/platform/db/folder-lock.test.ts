import { existsSync, mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { DataFolderInUseError, lockFolder } from './folder-lock.ts';
import { processStart } from './process-table.ts';

function aFolder() {
  const folder = mkdtempSync(join(tmpdir(), 'valtronics-lock-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, 'server.lock');
  return {
    folder,
    file,
    read: () => JSON.parse(readFileSync(file, 'utf8')) as { pid: number; start: string; place: string },
  };
}

test('one holder at a time, and the folder is free after a release', async () => {
  const { folder, file } = aFolder();
  const lock = await lockFolder(folder);
  await expect(lockFolder(folder)).rejects.toThrow(DataFolderInUseError);
  lock.release();
  expect(existsSync(file)).toBe(false);
  (await lockFolder(folder)).release();
});

test('a holder that was killed does not keep the folder, even if its pid is in use again', async () => {
  const { folder, file, read } = aFolder();
  (await lockFolder(folder)).release();
  const { place } = await lockFolder(folder).then((lock) => {
    const holder = read();
    lock.release();
    return holder;
  });
  // Our own pid, but another start: what a recycled pid looks like.
  writeFileSync(file, JSON.stringify({ pid: process.pid, start: 'an earlier boot:1', place }));
  const lock = await lockFolder(folder);
  expect(read().start).toBe(processStart(process.pid));
  lock.release();
});

test.each(['', '{', 'null', '{"pid":"1"}'])("a lock cut short (%j) is nobody's", async (content) => {
  const { folder, file } = aFolder();
  writeFileSync(file, content);
  (await lockFolder(folder)).release();
});

test('a holder in another container is believed by its heartbeat, and not beyond it', async () => {
  const { folder, file } = aFolder();
  writeFileSync(file, JSON.stringify({ pid: 1, start: 'x', place: 'another-container pid:[1]' }));
  const beating = setInterval(() => utimesSync(file, new Date(), new Date()), 500);
  onTestFinished(() => clearInterval(beating));
  await expect(lockFolder(folder)).rejects.toThrow(/another-container/);
  clearInterval(beating);
  const past = new Date(Date.now() - 60_000);
  utimesSync(file, past, past);
  (await lockFolder(folder)).release();
});

test('a release does not take away the lock of whoever holds it by then', async () => {
  const { folder, file } = aFolder();
  const lock = await lockFolder(folder);
  writeFileSync(file, 'of somebody else');
  lock.release();
  expect(readFileSync(file, 'utf8')).toBe('of somebody else');
});
