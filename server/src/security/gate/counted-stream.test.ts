import { Readable } from 'node:stream';
import { describe, expect, test } from 'vitest';
import { countedStream } from './counted-stream.ts';

const pieces = (...sizes: number[]) => Readable.from(sizes.map((size) => Buffer.alloc(size, 'x')));

describe('a stream that is counted', () => {
  test('is the same stream, and is told of each time it is so much, and at its end', async () => {
    const told: number[] = [];
    const stream = countedStream(pieces(40, 70, 30, 5), 100, (bytes) => told.push(bytes));
    const read = (await stream.toArray()) as Buffer[];
    expect(Buffer.concat(read).length).toBe(145);
    expect(told).toEqual([110, 35]);
  });

  test('is told of as far as it came when its reader leaves, and its source is closed', async () => {
    const told: number[] = [];
    const source = pieces(...Array.from({ length: 1_000 }, () => 60_000));
    const stream = countedStream(source, 1_000_000_000, (bytes) => told.push(bytes));
    for await (const _piece of stream) break;
    await expect.poll(() => source.destroyed).toBe(true);
    expect(told).toHaveLength(1);
    expect(told[0]).toBeGreaterThanOrEqual(60_000);
    expect(told[0]).toBeLessThan(60_000_000);
  });

  test('that breaks off breaks off', async () => {
    const source = Readable.from(
      (async function* () {
        yield 'begun';
        throw new Error('the disk is gone');
      })(),
    );
    const told: number[] = [];
    await expect(countedStream(source, 100, (bytes) => told.push(bytes)).toArray()).rejects.toThrow('the disk is gone');
    expect(told).toEqual([5]);
  });
});
