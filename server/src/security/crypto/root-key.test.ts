import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  statSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { secret } from '../../platform/config/secret.ts';
import { newRootKeyText, openRootKey, parseRootKey, RootKeyError, type RootKeySource } from './root-key.ts';

function aFolder(): { source: RootKeySource; keyFile: string; checkFile: string } {
  const dataDir = join(mkdtempSync(join(tmpdir(), 'valtronics-root-')), 'data');
  const keyFile = join(dataDir, 'root.key');
  return { source: { dataDir, rootKeyFile: keyFile }, keyFile, checkFile: join(dataDir, 'root.key.check') };
}

function refusal(source: RootKeySource): RootKeyError {
  try {
    openRootKey(source);
  } catch (error) {
    if (error instanceof RootKeyError) return error;
    throw error;
  }
  throw new Error('the root key was accepted');
}

test('the first start creates a key only its owner can read, the second start reads the same one', () => {
  const { source, keyFile } = aFolder();
  const first = openRootKey(source).deriveKey('test');
  expect(statSync(keyFile).mode & 0o777).toBe(0o600);
  // As root the database's account passes through; nobody else lists or writes it.
  expect(statSync(source.dataDir).mode & 0o066).toBe(0);
  expect(readFileSync(keyFile, 'utf8')).toMatch(/^valtronics-root-key-1:[\w-]{43}\n$/);
  expect(readdirSync(source.dataDir).sort()).toEqual(['root.key', 'root.key.check']);
  expect(openRootKey(source).deriveKey('test').equals(first)).toBe(true);
});

test('keys for different purposes, and of different roots, differ', () => {
  const key = openRootKey(aFolder().source);
  expect(key.deriveKey('a').equals(key.deriveKey('b'))).toBe(false);
  expect(key.deriveKey('a').equals(openRootKey(aFolder().source).deriveKey('a'))).toBe(false);
});

test('a lost key is reported, never silently replaced by a new one', () => {
  const { source, keyFile } = aFolder();
  openRootKey(source);
  unlinkSync(keyFile);
  const error = refusal(source);
  expect(error.problem).toBe('missing');
  expect(error.message).toContain(keyFile);
  expect(error.message).toMatch(/restore the file from your backup/);
  expect(existsSync(keyFile)).toBe(false);
});

test('another key is refused, from its file or from a secret', () => {
  const { source, keyFile } = aFolder();
  const original = openRootKey(source).deriveKey('test');
  const text = readFileSync(keyFile, 'utf8').trim();
  writeFileSync(keyFile, newRootKeyText());
  expect(refusal(source).problem).toBe('mismatch');
  expect(refusal({ ...source, rootKey: secret(newRootKeyText()) }).problem).toBe('mismatch');
  expect(
    openRootKey({ ...source, rootKey: secret(text) })
      .deriveKey('test')
      .equals(original),
  ).toBe(true);
});

test('a start that died between writing the key and its check value is completed by the next', () => {
  const { source, checkFile } = aFolder();
  const before = openRootKey(source).deriveKey('test');
  unlinkSync(checkFile);
  expect(openRootKey(source).deriveKey('test').equals(before)).toBe(true);
  expect(existsSync(checkFile)).toBe(true);
});

test.each([0o640, 0o604, 0o644, 0o660])('mode %o is refused with the remedy', (mode) => {
  const { source, keyFile } = aFolder();
  openRootKey(source);
  chmodSync(keyFile, mode);
  expect(refusal(source)).toMatchObject({ problem: 'unsafe', message: expect.stringContaining('chmod 600') });
});

test.each([
  '',
  'valtronics-root-key-1:',
  'valtronics-root-key-1:AAAA',
  `${newRootKeyText()}x`,
  'hello\n',
  '\0'.repeat(60),
])('content %j is refused as malformed', (content) => {
  const { source, keyFile } = aFolder();
  mkdirSync(source.dataDir);
  writeFileSync(keyFile, content, { mode: 0o600 });
  expect(refusal(source).problem).toBe('malformed');
  expect(readFileSync(keyFile, 'utf8')).toBe(content);
});

test('a key has one spelling: a changed last character is refused', () => {
  const zeros = `valtronics-root-key-1:${'A'.repeat(43)}`;
  expect(parseRootKey(zeros)).toBeDefined();
  expect(parseRootKey(`${zeros.slice(0, -1)}B`)).toBeUndefined();
});

test('a folder in place of the key is refused, not replaced', () => {
  const { source, keyFile } = aFolder();
  mkdirSync(keyFile, { recursive: true });
  expect(refusal(source)).toMatchObject({ problem: 'unreadable', message: expect.stringContaining(keyFile) });
});

test('no message and no print of the key shows it', () => {
  const { source, keyFile } = aFolder();
  const key = openRootKey(source);
  const text = readFileSync(keyFile, 'utf8').trim();
  expect(JSON.stringify(key) + String(key)).not.toContain(text.slice(22));
  writeFileSync(keyFile, `${text}!`);
  expect(refusal(source).message).not.toContain(text.slice(22));
});
