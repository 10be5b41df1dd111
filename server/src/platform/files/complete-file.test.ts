import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { Blocks } from '../../lib/blocks.ts';
import { writeCompleteFile } from './complete-file.ts';

function aPlace() {
  const folder = mkdtempSync(join(tmpdir(), 'valtronics-files-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return { folder, target: join(folder, 'out') };
}

async function* blocksOf(...texts: string[]): AsyncGenerator<Uint8Array> {
  for (const text of texts) yield Buffer.from(text);
}

const failing = async function* (): Blocks {
  yield Buffer.from('half of it');
  throw new Error('refused');
};

const noLinks = async (): Promise<never> => {
  throw Object.assign(new Error('EPERM'), { code: 'EPERM' });
};

test('the file is there when all of it is, for its owner only, and nothing else is left', async () => {
  const { folder, target } = aPlace();
  const seen: string[][] = [];
  async function* watched() {
    yield Buffer.from('one, ');
    seen.push(readdirSync(folder));
    yield Buffer.from('two');
    seen.push(readdirSync(folder));
  }
  await writeCompleteFile({ target, replaces: false }, watched());
  expect(readFileSync(target, 'utf8')).toBe('one, two');
  expect(statSync(target).mode & 0o777).toBe(0o600);
  expect(readdirSync(folder)).toEqual(['out']);
  for (const names of seen) expect(names).toEqual([expect.stringMatching(/^\.valtronics-[0-9a-f]{16}\.tmp$/)]);
});

test('a long name leaves room for the name it has meanwhile', async () => {
  const { folder } = aPlace();
  const target = join(folder, 'n'.repeat(255));
  await writeCompleteFile({ target, replaces: false }, blocksOf('x'));
  expect(readFileSync(target, 'utf8')).toBe('x');
});

describe.each([true, false])('replacing: %s', (replaces) => {
  test('an error on the way leaves everything as it was', async () => {
    const { folder, target } = aPlace();
    if (replaces) writeFileSync(target, 'older');
    await expect(writeCompleteFile({ target, replaces }, failing())).rejects.toThrow('refused');
    expect(readdirSync(folder)).toEqual(replaces ? ['out'] : []);
    if (replaces) expect(readFileSync(target, 'utf8')).toBe('older');
  });

  test('what is no regular file is not replaced', async () => {
    const { folder, target } = aPlace();
    mkdirSync(target);
    await expect(writeCompleteFile({ target, replaces }, blocksOf('x'))).rejects.toThrow('is no regular file');
    const linked = join(folder, 'link');
    symlinkSync('/dev/null', linked);
    await expect(writeCompleteFile({ target: linked, replaces }, blocksOf('x'))).rejects.toThrow('is no regular file');
    await expect(writeCompleteFile({ target: '/dev/null', replaces }, blocksOf('x'))).rejects.toThrow(
      'is no regular file',
    );
    expect(statSync('/dev/null').isCharacterDevice()).toBe(true);
  });
});

test('a file that is there is replaced only on request', async () => {
  const { folder, target } = aPlace();
  writeFileSync(target, 'older', { mode: 0o644 });
  await expect(writeCompleteFile({ target, replaces: false }, blocksOf('newer'))).rejects.toThrow(
    `${target} is there already: choose another name, or have it replaced with --force`,
  );
  expect(readFileSync(target, 'utf8')).toBe('older');
  await writeCompleteFile({ target, replaces: true }, blocksOf('newer'));
  expect(readFileSync(target, 'utf8')).toBe('newer');
  expect(statSync(target).mode & 0o777).toBe(0o600);
  expect(readdirSync(folder)).toEqual(['out']);
});

describe.each([
  ['with hard links', undefined],
  ['where there are none', noLinks],
])('%s', (_name, linkFile) => {
  test('a file that came meanwhile stays', async () => {
    const { folder, target } = aPlace();
    async function* meanwhile() {
      yield Buffer.from('ours');
      writeFileSync(target, 'theirs');
    }
    const file = { target, replaces: false, ...(linkFile ? { linkFile } : {}) };
    await expect(writeCompleteFile(file, meanwhile())).rejects.toThrow('is there already');
    expect(readFileSync(target, 'utf8')).toBe('theirs');
    expect(readdirSync(folder)).toEqual(['out']);
  });

  test('it gets its name', async () => {
    const { folder, target } = aPlace();
    await writeCompleteFile({ target, replaces: false, ...(linkFile ? { linkFile } : {}) }, blocksOf('x'));
    expect(readdirSync(folder)).toEqual(['out']);
  });
});

test('a folder that is not there is named', async () => {
  const { folder } = aPlace();
  await expect(writeCompleteFile({ target: join(folder, 'none/out'), replaces: false }, blocksOf('x'))).rejects.toThrow(
    'out cannot be written: its folder does not exist: make it first',
  );
  expect(existsSync(join(folder, 'none'))).toBe(false);
});
