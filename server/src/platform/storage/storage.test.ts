import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { anObjectStore, type ObjectStore } from '../../../../tests/support/object-store.ts';
import { objectStoreUrl } from '../config/connection-urls.ts';
import { bucketStorage } from './bucket-storage.ts';
import { folderStorage } from './folder-storage.ts';
import { inParts } from './parts.ts';
import { placeBelow, type Storage, StorageError } from './storage.ts';

const MIB = 1024 * 1024;

async function* blocksOf(bytes: number, fails = false): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes; at += MIB) {
    const block = Buffer.alloc(MIB);
    for (let index = 0; index < MIB; index += 4_096) block.writeUInt32LE(at + index, index);
    yield block.subarray(0, Math.min(MIB, bytes - at));
  }
  if (fails) throw new Error('the source ended');
}

async function bytesOf(blocks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const block of blocks) parts.push(Buffer.from(block));
  return Buffer.concat(parts);
}

async function readAll(storage: Storage, name: string): Promise<Buffer | undefined> {
  const found = await storage.read(name);
  if (!found) return undefined;
  const bytes = await bytesOf(found.blocks);
  expect(bytes.length).toBe(found.bytes);
  return bytes;
}

const inBucket = (
  store: ObjectStore,
  prefix?: string,
  secret?: string,
  limits?: Parameters<typeof bucketStorage>[1],
): Storage => bucketStorage(objectStoreUrl(store.url(prefix, secret), { cwd: '/', fromFile: false }), limits);

async function aFolderStorage(): Promise<Storage> {
  const folder = mkdtempSync(join(tmpdir(), 'valtronics-storage-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folderStorage(folder);
}

describe.each<[string, () => Promise<Storage>]>([
  ['a folder', aFolderStorage],
  ['a bucket', async () => inBucket(await anObjectStore())],
  ['a part of a bucket, over TLS', async () => inBucket(await anObjectStore({ tls: true }), 'plant-7/nightly')],
])('%s', (_, aStorage) => {
  test('holds a place within it, whose files are its own', async () => {
    const storage = await aStorage();
    const below = storage.below('within');
    expect(below.place).toBe(placeBelow(storage.place, 'within'));
    expect([await below.names(), await below.read('one')]).toEqual([[], undefined]);
    await below.sweep(new Date());
    await storage.write('outside', blocksOf(10));
    await below.write('one', blocksOf(10));
    await below.write('two', blocksOf(10));
    expect((await below.names()).sort()).toEqual(['one', 'two']);
    expect((await storage.names()).filter((name) => name !== 'within')).toEqual(['outside']);
    expect((await readAll(below, 'one'))?.length).toBe(10);
    await below.remove('one');
    expect(await below.names()).toEqual(['two']);
  });

  test('keeps files of any size, lists them, and throws them away', async () => {
    const storage = await aStorage();
    expect(await storage.names()).toEqual([]);
    const sizes = { empty: 0, small: 10, 'a.part': 16 * MIB, long: 40 * MIB + 7 };
    for (const [name, bytes] of Object.entries(sizes)) await storage.write(name, blocksOf(bytes));
    expect((await storage.names()).sort()).toEqual(Object.keys(sizes).sort());
    for (const [name, bytes] of Object.entries(sizes)) {
      const [read, written] = [await readAll(storage, name), await bytesOf(blocksOf(bytes))];
      expect([name, read?.equals(written)]).toEqual([name, true]);
    }
    await storage.remove('long');
    await storage.remove('long');
    expect(await storage.read('long')).toBeUndefined();
    expect((await storage.names()).sort()).toEqual(['a.part', 'empty', 'small']);
  });

  test('shows nothing of what was not written to its end, and replaces nothing', async () => {
    const storage = await aStorage();
    for (const bytes of [MIB, 40 * MIB])
      await expect(storage.write('half', blocksOf(bytes, true))).rejects.toThrow('the source ended');
    expect(await storage.read('half')).toBeUndefined();
    expect(await storage.names()).toEqual([]);
    await storage.write('one', blocksOf(5));
    await expect(storage.write('one', blocksOf(6))).rejects.toThrow(/is there already/);
    expect((await readAll(storage, 'one'))?.length).toBe(5);
  });
});

describe('a bucket', () => {
  test('is used in parts of which only a few are in memory, and an upload that failed is given up', async () => {
    const store = await anObjectStore();
    const storage = inBucket(store);
    await storage.write('long', blocksOf(40 * MIB));
    expect(store.asked.filter((one) => /partNumber=\d/.test(one))).toHaveLength(3);
    store.asked.length = 0;
    await expect(storage.write('half', blocksOf(40 * MIB, true))).rejects.toThrow();
    expect(store.asked.filter((one) => one.startsWith('DELETE'))).toEqual([expect.stringContaining('uploadId=')]);
    expect(readdirSync(join(store.folder, 'backups')).filter((file) => file.includes('half'))).toEqual([]);
  });

  test('is tried again when it says it is busy, or breaks off in the middle of a file', async () => {
    const store = await anObjectStore();
    const storage = inBucket(store);
    store.fail(({ url = '' }) => url.includes('partNumber=2'), 'break');
    store.fail(({ url = '' }) => url.includes('partNumber=3'), 'error', 2);
    await storage.write('long', blocksOf(40 * MIB));
    store.fail(({ headers }) => headers.range?.startsWith('bytes=16777216-') === true, 'break', 2);
    expect((await readAll(storage, 'long'))?.equals(await bytesOf(blocksOf(40 * MIB)))).toBe(true);
  });

  test('is tried again when the body of an answer breaks off, or nothing more of it comes; not for ever', async () => {
    const store = await anObjectStore();
    await inBucket(store).write('long', blocksOf(40 * MIB));
    const storage = inBucket(store, '', 'S3RVER', { silentMs: 2_000 });
    const second = ({ headers }: IncomingMessage) => headers.range?.startsWith('bytes=16777216-') === true;
    store.fail(second, 'cut', 2);
    store.fail(second, 'hold');
    store.asked.length = 0;
    expect((await readAll(storage, 'long'))?.equals(await bytesOf(blocksOf(40 * MIB)))).toBe(true);
    expect(store.asked.filter((one) => one.startsWith('GET'))).toHaveLength(6);
    store.fail(second, 'cut', 5);
    await expect(readAll(storage, 'long')).rejects.toThrow(
      /^s3:\/\/localhost:\d+\/backups\/ cannot be used: ECONNRESET$/,
    );
  });

  test('that stays away, does not know us, or is not the one that is trusted is named in one line, without the key', async () => {
    const store = await anObjectStore();
    await expect(inBucket(store, '', 'WRONG').names()).rejects.toThrow(
      /^s3:\/\/localhost:\d+\/backups\/ cannot be used: SignatureDoesNotMatch \(403\)$/,
    );
    const elsewhere = objectStoreUrl(store.url().replace('/backups/', '/nobodys/'), { cwd: '/', fromFile: false });
    await expect(bucketStorage(elsewhere).names()).rejects.toThrow(/NoSuchBucket \(404\)/);
    await store.stop();
    const away = inBucket(store).names();
    await expect(away).rejects.toBeInstanceOf(StorageError);
    await expect(away).rejects.toThrow(/cannot be used: ECONNREFUSED/);
    const secure = await anObjectStore({ tls: true });
    const other = join(mkdtempSync(join(tmpdir(), 'valtronics-ca-')), 'ca.pem');
    onTestFinished(() => rmSync(join(other, '..'), { recursive: true, force: true }));
    writeFileSync(other, '');
    const untrusted = secure.url().replace(/\?cacert=.*/, '');
    const asking = bucketStorage(objectStoreUrl(untrusted, { cwd: '/', fromFile: false })).names();
    await expect(asking).rejects.toThrow(/cannot be used: (DEPTH_ZERO_)?SELF_SIGNED_CERT/);
  });

  test('an object that is replaced while it is read is not two halves of different ones', async () => {
    const store = await anObjectStore();
    const storage = inBucket(store);
    await storage.write('long', blocksOf(40 * MIB));
    const found = await storage.read('long');
    const reading = (async () => {
      let first = true;
      for await (const _ of found?.blocks ?? []) {
        if (first) {
          await storage.remove('long');
          await storage.write('long', blocksOf(40 * MIB - 1));
        }
        first = false;
      }
    })();
    await expect(reading).rejects.toThrow(/was replaced while it was read/);
  });
});

describe('parts', () => {
  test('are of the size that is asked for, whatever the blocks; the last one is the rest', async () => {
    const joined: number[] = [];
    async function* uneven() {
      for (const size of [3, 10, 1, 0, 25]) yield Buffer.alloc(size, size);
    }
    for await (const part of inParts(uneven(), (number) => (number === 1 ? 4 : 10))) joined.push(part.length);
    expect(joined).toEqual([4, 10, 10, 10, 5]);
  });
});
