import { chmodSync, mkdtempSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { createFileOnce, readPrivateFile, replaceFile } from './private-file.ts';

const folder = () => mkdtempSync(join(tmpdir(), 'valtronics-private-'));

test('the second of two creators gets what the first wrote', () => {
  const file = join(folder(), 'new', 'once');
  expect(createFileOnce(file, 'first')).toBe('first');
  expect(createFileOnce(file, 'second')).toBe('first');
  expect(readFileSync(file, 'utf8')).toBe('first');
  expect(statSync(file).mode & 0o777).toBe(0o600);
});

test('a file is replaced whole, with its mode, and nothing temporary stays', () => {
  const dir = folder();
  replaceFile(join(dir, 'f'), 'old', 0o600);
  replaceFile(join(dir, 'f'), 'new', 0o644);
  expect(readFileSync(join(dir, 'f'), 'utf8')).toBe('new');
  expect(statSync(join(dir, 'f')).mode & 0o777).toBe(0o644);
  expect(readdirSync(dir)).toEqual(['f']);
});

test('the mode that counts is that of the file a link leads to', () => {
  const dir = folder();
  writeFileSync(join(dir, 'target'), 'x', { mode: 0o600 });
  symlinkSync(join(dir, 'target'), join(dir, 'link'));
  expect(readPrivateFile(join(dir, 'link'))).toEqual({ outcome: 'read', text: 'x' });
  chmodSync(join(dir, 'target'), 0o644);
  expect(readPrivateFile(join(dir, 'link'))).toEqual({ outcome: 'unsafe', mode: '644' });
});

test('absent, special and oversize files are told apart', () => {
  const dir = folder();
  writeFileSync(join(dir, 'big'), 'x'.repeat(300 * 1024), { mode: 0o600 });
  expect(readPrivateFile(join(dir, 'none'))).toEqual({ outcome: 'absent' });
  expect(readPrivateFile(dir)).toEqual({ outcome: 'unreadable', reason: 'not a regular file' });
  expect(readPrivateFile(join(dir, 'big'))).toEqual({ outcome: 'unreadable', reason: 'too large' });
});
