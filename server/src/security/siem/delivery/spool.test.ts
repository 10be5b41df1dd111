import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmdirSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { StoredEvent } from '../destination.ts';
import { aSecurityEvent } from '../siem.builders.ts';
import { openSpool } from './spool.ts';

const folders: string[] = [];
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});
const aFolder = (): string => {
  const folder = mkdtempSync(join(tmpdir(), 'valtronics-spool-'));
  folders.push(folder);
  return join(folder, 'inner');
};
const events = (...positions: number[]): StoredEvent[] =>
  positions.map((position) => ({ position, event: aSecurityEvent({ details: { note: 'line\nbreak' } }) }));
const positionsOf = (stored: readonly StoredEvent[]) => stored.map(({ position }) => position);

describe('the spool', () => {
  it('gives back what it was given, in order and whole, also after a restart', async () => {
    const folder = aFolder();
    const [first, second] = [events(5, 8), events(9, 12)];
    const spool = await openSpool(folder);
    expect(spool.range()).toBeUndefined();
    expect([await spool.append(4, first), await spool.append(8, second)]).toEqual([true, true]);
    const again = await openSpool(folder);
    expect(again.range()).toEqual({ from: 4, to: 12 });
    expect(await again.read(4, 10)).toEqual([...first, ...second]);
    expect(positionsOf(await again.read(8, 1))).toEqual([9]);
    expect(again.bytes()).toBe(spool.bytes());
    const [name = ''] = readdirSync(folder);
    expect(statSync(join(folder, name)).mode & 0o777).toBe(0o600);
    expect(statSync(folder).mode & 0o777).toBe(0o700);
  });

  it('lets go of whole files once all in them has arrived', async () => {
    const folder = aFolder();
    const spool = await openSpool(folder, { segmentBytes: 1 });
    for (const position of [1, 2, 3]) await spool.append(position - 1, events(position));
    expect(readdirSync(folder)).toHaveLength(3);
    await spool.trim(2);
    expect([readdirSync(folder), spool.range()]).toEqual([['2.jsonl'], { from: 2, to: 3 }]);
    await spool.trim(3);
    expect(spool.range()).toBeUndefined();
  });

  it('keeps nothing of what no longer fits', async () => {
    const spool = await openSpool(aFolder(), { mostBytes: 2_000 });
    const rounds = await Promise.resolve().then(async () => {
      let kept = 0;
      while (await spool.append(kept, events(kept + 1))) kept += 1;
      return kept;
    });
    expect(rounds).toBeGreaterThan(1);
    expect(spool.bytes()).toBeLessThanOrEqual(2_000);
    expect(spool.range()).toEqual({ from: 0, to: rounds });
  });

  it('has nothing of a file that could not be opened, and begins it once it can', async () => {
    const folder = aFolder();
    const spool = await openSpool(folder, { segmentBytes: 1 });
    await spool.append(0, events(1));
    mkdirSync(join(folder, '1.jsonl'));
    await expect(spool.append(1, events(2))).rejects.toMatchObject({ code: 'EISDIR' });
    expect(spool.range()).toEqual({ from: 0, to: 1 });
    expect(positionsOf(await spool.read(0, 10))).toEqual([1]);
    rmdirSync(join(folder, '1.jsonl'));
    await spool.append(1, events(2));
    expect(positionsOf(await spool.read(0, 10))).toEqual([1, 2]);
  });

  it('takes off what an append left that failed and could not be taken back', async () => {
    const folder = aFolder();
    const spool = await openSpool(folder);
    await spool.append(0, events(1));
    appendFileSync(join(folder, '0.jsonl'), '{"position":2,"ev');
    await spool.append(1, events(2, 3));
    expect(positionsOf(await (await openSpool(folder)).read(0, 10))).toEqual([1, 2, 3]);
  });

  it('keeps no more than there is room for beside others', async () => {
    let left = 2_000;
    const spool = await openSpool(aFolder(), { roomLeft: () => left - spool.bytes() });
    expect(await spool.append(0, events(1))).toBe(true);
    left = spool.bytes();
    expect([await spool.append(1, events(2)), spool.range()]).toEqual([false, { from: 0, to: 1 }]);
  });

  it('takes off a line that a crash cut short, and goes on behind the last whole one', async () => {
    const folder = aFolder();
    await (await openSpool(folder)).append(0, events(1, 2, 3));
    const path = join(folder, '0.jsonl');
    truncateSync(path, statSync(path).size - 5);
    const spool = await openSpool(folder);
    expect(spool.range()).toEqual({ from: 0, to: 2 });
    await spool.append(2, events(3));
    expect(positionsOf(await (await openSpool(folder)).read(0, 10))).toEqual([1, 2, 3]);
  });

  it('believes nothing behind a line that is none, and no file that does not follow on', async () => {
    const folder = aFolder();
    const spool = await openSpool(folder, { segmentBytes: 1 });
    await spool.append(0, events(1));
    await spool.append(1, events(2));
    writeFileSync(join(folder, '7.jsonl'), `${JSON.stringify(events(8)[0])}\n`);
    appendFileSync(join(folder, '1.jsonl'), 'not a line\n{"position":3}\n');
    const again = await openSpool(folder);
    expect(again.range()).toEqual({ from: 0, to: 2 });
    expect(readdirSync(folder).sort()).toEqual(['0.jsonl', '1.jsonl']);
  });
});
