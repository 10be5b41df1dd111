import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { expect, onTestFinished, test } from 'vitest';
import { BLOCK_BYTES } from '../../lib/blocks.ts';
import { readBlocks, readStream } from './read-blocks.ts';

function anOpenFile(content: Uint8Array): number {
  const folder = mkdtempSync(join(tmpdir(), 'valtronics-files-'));
  writeFileSync(join(folder, 'in'), content);
  const descriptor = openSync(join(folder, 'in'), 'r');
  onTestFinished(() => {
    closeSync(descriptor);
    rmSync(folder, { recursive: true, force: true });
  });
  return descriptor;
}

test.each([0, 1, BLOCK_BYTES, 5 * BLOCK_BYTES + 3])(
  'all %i bytes come, and a block holds until the one after the next is asked for',
  async (length) => {
    const content = Buffer.alloc(length);
    for (let at = 0; at < length; at += 1_000) content[at] = at / 1_000;
    const parts: Buffer[] = [];
    let before: Uint8Array | undefined;
    for await (const block of readBlocks(anOpenFile(content))) {
      if (before) parts.push(Buffer.from(before));
      before = block;
    }
    if (before) parts.push(Buffer.from(before));
    expect(Buffer.concat(parts).equals(content)).toBe(true);
  },
);

test('a reader that stops leaves the descriptor usable', async () => {
  const descriptor = anOpenFile(Buffer.alloc(3 * BLOCK_BYTES));
  for await (const block of readBlocks(descriptor)) {
    expect(block.length).toBe(BLOCK_BYTES);
    break;
  }
  for await (const block of readBlocks(descriptor)) expect(block.length).toBeGreaterThan(0);
});

test('a stop on request is an error, not an end', async () => {
  const stopping = new AbortController();
  const blocks = readBlocks(anOpenFile(Buffer.alloc(3 * BLOCK_BYTES)), stopping.signal);
  await blocks.next();
  stopping.abort();
  await expect(blocks.next()).rejects.toThrow('aborted');
});

test('a stream of Node comes whole, holds each block as long, and stops on request while it waits', async () => {
  const sent = Array.from({ length: 5 }, (_, index) => Buffer.alloc(70_000, index));
  const never = new AbortController();
  const parts: Buffer[] = [];
  let before: Uint8Array | undefined;
  for await (const block of readStream(Readable.from(sent.map((part) => Buffer.from(part))), never.signal)) {
    if (before) parts.push(Buffer.from(before));
    before = block;
  }
  if (before) parts.push(Buffer.from(before));
  expect(Buffer.concat(parts).equals(Buffer.concat(sent))).toBe(true);

  const stopping = new AbortController();
  const waiting = readStream(new PassThrough(), stopping.signal).next();
  stopping.abort();
  await expect(waiting).rejects.toThrow('aborted');
});

test('an error of the disk is an error', async () => {
  const descriptor = openSync('.', 'r');
  onTestFinished(() => closeSync(descriptor));
  await expect(readBlocks(descriptor).next()).rejects.toMatchObject({ code: 'EISDIR' });
});
