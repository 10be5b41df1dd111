import {
  appendFileSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { checkpointText, openCheckpoint } from '../lib/transparency/checkpoint.ts';
import { readCheckpoints } from '../lib/transparency/checkpoint-list.ts';
import { signerOf, signNote } from '../lib/transparency/signed-note.ts';
import { openSeenCheckpoints } from './seen-checkpoints.ts';

const signer = signerOf('log.example.org/audit/1', Buffer.alloc(32, 7));

function aNote(of: string, size: number): [origin: string, note: string] {
  const origin = `${signer.name}/${of}`;
  const text = checkpointText({ origin, size, root: Buffer.alloc(32, size % 256) });
  return [origin, signNote(text, signerOf(origin, Buffer.alloc(32, 7)))];
}

function aFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'valtronics-witness-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

const sizesOf = (folder: string) =>
  readCheckpoints(readFileSync(join(folder, 'checkpoints'), 'utf8')).map((note) => openCheckpoint(note, [signer]).size);

test('what was seen is known again, the last of each log, and can be read by a verification', () => {
  const folder = aFolder();
  const seen = openSeenCheckpoints(folder);
  for (const size of [1, 2, 3]) seen.add(...aNote('one', size));
  seen.add(...aNote('two', 9));
  const again = openSeenCheckpoints(folder);
  expect([...again.last]).toEqual([aNote('one', 3), aNote('two', 9)]);
  expect(sizesOf(folder)).toEqual([1, 2, 3, 9]);
  expect(statSync(join(folder, 'checkpoints')).mode & 0o777).toBe(0o600);
});

test('however many were seen the files stay small, and a log that was quiet meanwhile is not forgotten', () => {
  const folder = aFolder();
  const mostBytes = 4_096;
  const seen = openSeenCheckpoints(folder, mostBytes);
  seen.add(...aNote('quiet', 5));
  for (let size = 1; size <= 300; size += 1) seen.add(...aNote('busy', size));
  expect(readdirSync(folder).sort()).toEqual(['checkpoints', 'checkpoints.before']);
  for (const name of readdirSync(folder)) expect(statSync(join(folder, name)).size).toBeLessThan(2 * mostBytes);
  expect([...openSeenCheckpoints(folder, mostBytes).last]).toEqual([aNote('quiet', 5), aNote('busy', 300)]);
  // A stop in the middle of putting the full file aside.
  renameSync(join(folder, 'checkpoints'), join(folder, 'checkpoints.before'));
  expect(openSeenCheckpoints(folder, mostBytes).last.get(aNote('quiet', 5)[0])).toBe(aNote('quiet', 5)[1]);
});

test('half a line at the end is what a power cut leaves: it is cut off, and the next is not glued to it', () => {
  const folder = aFolder();
  const path = join(folder, 'checkpoints');
  openSeenCheckpoints(folder).add(...aNote('one', 1));
  openSeenCheckpoints(folder).add(...aNote('one', 2));
  const whole = readFileSync(path, 'utf8');
  writeFileSync(path, whole.slice(0, -30));
  const seen = openSeenCheckpoints(folder);
  expect([...seen.last]).toEqual([aNote('one', 1)]);
  seen.add(...aNote('one', 3));
  expect(sizesOf(folder)).toEqual([1, 3]);
});

test('a whole line that cannot be read is not passed over', () => {
  const folder = aFolder();
  openSeenCheckpoints(folder).add(...aNote('one', 1));
  appendFileSync(join(folder, 'checkpoints'), '{"note":"log.example.org/audit/1/one\\n7\\n"}\n');
  expect(() => openSeenCheckpoints(folder)).toThrow(/^line 2 of .*checkpoints cannot be read/);
});
