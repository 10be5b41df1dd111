import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { aSecurityEvent } from '../siem.builders.ts';
import { createFileLink } from './file-link.ts';
import { createFileSpace } from './file-space.ts';

let ownFolder: string;
beforeEach(() => {
  ownFolder = mkdtempSync(join(tmpdir(), 'valtronics-files-'));
});
afterEach(() => rmSync(ownFolder, { recursive: true, force: true }));

const MIB = 1024 ** 2;
const signal = new AbortController().signal;
const anEvent = () => ({ position: 1, event: aSecurityEvent() });

/** Of so many bytes, last written so many minutes ago. */
function aFile(path: string, mib: number, minutes: number): string {
  const whole = join(ownFolder, path);
  mkdirSync(dirname(whole), { recursive: true });
  writeFileSync(whole, '');
  truncateSync(whole, mib * MIB);
  const at = Date.now() / 1_000 - minutes * 60;
  utimesSync(whole, at, at);
  return whole;
}

describe('files of a destination', () => {
  it('take every event as a line of its own, also behind half a line that a crash left', async () => {
    const link = createFileLink(
      { target: 'ours', organisationId: 7, format: 'ecs' },
      { ownFolder, allowedFolders: [] },
      createFileSpace(ownFolder),
    );
    const [first, second] = [anEvent(), anEvent()];
    await link.send([first], signal);
    const path = join(ownFolder, '7', 'ours', 'events.jsonl');
    appendFileSync(path, '{"@timestamp":"2026');
    await link.send([second], signal);
    const ids = readFileSync(path, 'utf8')
      .split('\n')
      .flatMap((line) => {
        try {
          return [JSON.parse(line).event.id];
        } catch {
          return [];
        }
      });
    expect(ids).toEqual([first.event.id, second.event.id]);
  });
});

describe('the room that all files take together', () => {
  it('is bounded: who takes more than an equal share loses the oldest, in folders that were left behind too, and nobody else does', async () => {
    const left = aFile('1/left/events.jsonl', 4, 900);
    const old = aFile('1/ours/events.2.jsonl', 4, 30);
    const older = aFile('1/ours/events.3.jsonl', 4, 40);
    const newest = aFile('1/ours/events.jsonl', 4, 0);
    const others = aFile('2/theirs/events.1.jsonl', 4, 9_000);
    const link = createFileLink(
      { target: 'ours', organisationId: 1, format: 'ecs' },
      { ownFolder, allowedFolders: [] },
      createFileSpace(ownFolder, { mostBytes: 16 * MIB }),
    );
    await link.send([anEvent()], signal);
    expect([left, older, old, newest, others].map((path) => existsSync(path))).toEqual([
      false,
      false,
      true,
      true,
      true,
    ]);
  });

  it('is looked at again once enough was written, and below the bound nothing goes', async () => {
    const space = createFileSpace(ownFolder, { mostBytes: 10 * MIB, checkEveryBytes: 3 * MIB });
    const first = aFile('1/ours/events.1.jsonl', 6, 20);
    await space.makeRoomFor(1);
    const second = aFile('1/ours/events.2.jsonl', 6, 10);
    await space.makeRoomFor(2 * MIB);
    expect([existsSync(first), existsSync(second)]).toEqual([true, true]);
    await space.makeRoomFor(MIB);
    expect([existsSync(first), existsSync(second)]).toEqual([false, true]);
  });

  it('never costs the file that is being written to', async () => {
    const current = aFile('1/ours/events.cef', 6, 0);
    const rotated = aFile('1/ours/events.1.cef', 6, 0);
    await createFileSpace(ownFolder, { mostBytes: MIB }).makeRoomFor(1);
    expect([existsSync(current), existsSync(rotated)]).toEqual([true, false]);
  });
});
