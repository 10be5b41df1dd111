import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { flip } from '../../../../../tests/support/backup-place.ts';
import { once } from '../../../lib/blocks.ts';
import { publicKeyOf, verifierOf } from '../../../lib/transparency/signed-note.ts';
import { segmentAfter } from '../../../platform/db/wal-segments.ts';
import { folderStorage } from '../../../platform/storage/folder-storage.ts';
import { createKeyRing } from '../../crypto/key-ring.ts';
import { newRootKeyText, parseRootKey } from '../../crypto/root-key.ts';
import { anIdentity } from '../backups.builders.ts';
import { digestOf } from '../manifest.ts';
import { chainStore, segmentName } from './chain-store.ts';
import { keepSealed } from './seal-file.ts';
import { checkChains, sentFrom } from './verify-chains.ts';
import { readNote, type Vouching, writeNote } from './vouched-note.ts';
import { writeWalCursor } from './wal-cursor.ts';

// Two bases of one chain of six segments in a folder, as a server leaves them; then somebody is at the folder.

const FIRST = '0000000100000000000000FE';
const CHAIN = '0123456789abcdef';
const finishedAt = (n: number): string => new Date(Date.UTC(2026, 2, 1, 12, n)).toISOString();

function aVouching(): Vouching {
  const seed = randomBytes(32);
  const rootKey = parseRootKey(newRootKeyText());
  if (!rootKey) throw new Error('no root key');
  const verifier = verifierOf('valtronics.test/audit/0123456789ab', publicKeyOf(seed));
  return { key: { verifier, seed }, keyRing: createKeyRing(rootKey) };
}

async function aChain() {
  const folder = mkdtempSync(join(tmpdir(), 'valtronics-chain-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const store = chainStore(folderStorage(folder));
  const vouching = aVouching();
  const { identity, recipient } = await anIdentity();
  const notes: string[] = [];
  const names: string[] = [];
  for (let n = 0, segment = FIRST; n < 6; n += 1, segment = segmentAfter(segment)) {
    const name = segmentName(CHAIN, segment);
    const kept = await keepSealed(store, name, once(randomBytes(50_000)), [recipient]);
    const previous = n === 0 ? null : digestOf(notes.at(-1) ?? '');
    const content = { name, chain: CHAIN, segment, finishedAt: finishedAt(n), ...kept, previous };
    notes.push(writeNote('segment', content, vouching));
    names.push(name);
    await store.keepNote(name, notes.at(-1) ?? '');
  }
  const segmentOf = (n: number): string => names[n]?.slice(CHAIN.length + 1) ?? '';
  const bases: string[] = [];
  for (const n of [0, 2]) {
    const name = `base-20260301T120${n}00Z-0123456${n}`;
    const { file } = await keepSealed(store, name, once(randomBytes(80_000)), [recipient]);
    const at = { segment: segmentOf(n), lsn: '0/1' };
    const times = { startedAt: finishedAt(n), endedAt: finishedAt(n) };
    const content = { name, ...times, postgres: '18', chain: CHAIN, from: at, to: at, file, recipients: 1 };
    await store.keepNote(name, writeNote('base', content, vouching));
    bases.push(name);
  }
  const recorded = await Promise.all(
    bases.map(async (name) => ({
      name,
      at: new Date(),
      manifest: digestOf(await store.note(name)),
      chain: CHAIN,
      segment: FIRST,
    })),
  );
  const last = { segment: segmentOf(5), note: digestOf(notes[5] ?? ''), finishedAt: finishedAt(5) };
  let read = 0;
  const judged = (change: Partial<Parameters<typeof checkChains>[0]> = {}, which = bases) =>
    checkChains(
      {
        store,
        keys: [vouching.key.verifier],
        keyRing: vouching.keyRing,
        identities: [],
        recorded,
        sent: new Map([[CHAIN, last]]),
        options: {
          signal: new AbortController().signal,
          onProgress(bytes) {
            read += bytes;
          },
        },
        ...change,
      },
      which,
    );
  const file = (name = '', ending = 'zst.age') => join(folder, 'point-in-time', `${name}.${ending}`);
  return { folder, store, vouching, identity, names, notes, bases, last, judged, file, bytesRead: () => read };
}

const moments = (from: number, until: number) => ({ from: finishedAt(from), until: finishedAt(until) });

test('what is whole is good, with its moments, and each segment is read once', async () => {
  const chain = await aChain();
  expect(await chain.judged()).toEqual([
    { name: chain.bases[0], checked: 'file', fault: null, problem: null, moments: moments(0, 5), segments: 6 },
    { name: chain.bases[1], checked: 'file', fault: null, problem: null, moments: moments(2, 5), segments: 4 },
  ]);
  expect(chain.bytesRead()).toBeLessThan(6 * 51_000 + 2 * 81_000);
  const opened = await chain.judged({ identities: [chain.identity] });
  expect(opened).toMatchObject([
    { checked: 'contents', fault: null, segments: 6 },
    { checked: 'contents', fault: null, segments: 4 },
  ]);
  // Where there is no installation the public key tells.
  expect(await chain.judged({ keyRing: undefined, recorded: [], sent: new Map() })).toMatchObject([
    { fault: null },
    { fault: null },
  ]);
  const stranger = aVouching();
  expect(await chain.judged({ keyRing: undefined, keys: [stranger.key.verifier] })).toMatchObject([
    { problem: 'stranger' },
    { problem: 'stranger' },
  ]);
  expect(await chain.judged({ keyRing: stranger.keyRing })).toMatchObject([
    { problem: 'stranger', moments: null },
    { problem: 'stranger', moments: null },
  ]);
  const { identity } = await anIdentity();
  expect(await chain.judged({ identities: [identity] })).toMatchObject([
    { problem: 'wrong-key' },
    { problem: 'wrong-key' },
  ]);
});

type Chain = Awaited<ReturnType<typeof aChain>>;

test.for<[string, string, (chain: Chain) => void]>([
  [
    'its manifest taken away',
    'it is missing, and there are newer ones',
    ({ file, names }) => rmSync(file(names[3], 'manifest')),
  ],
  ['its file taken away', 'its file is not in', ({ file, names }) => rmSync(file(names[3]))],
  ['its file cut short', 'bytes instead of', ({ file, names }) => truncateSync(file(names[3]), 100)],
  ['a bit of its file turned', 'its file was altered', ({ file, names }) => flip(file(names[3]))],
  [
    'a bit of its manifest turned',
    'cannot be read|altered|vouch',
    ({ file, names }) => flip(file(names[3], 'manifest')),
  ],
  [
    'a manifest that follows another one',
    'the one before it is not the one',
    ({ file, names, notes, vouching }) => {
      const { vouched: _, ...content } = readNote('segment', notes[3] ?? '', names[3] ?? '').content;
      writeFileSync(
        file(names[3], 'manifest'),
        writeNote('segment', { ...content, previous: digestOf(notes[1] ?? '') }, vouching),
      );
    },
  ],
  [
    'a manifest that somebody else signed',
    'does not vouch for',
    ({ file, names, notes }) => {
      const { vouched: _, ...content } = readNote('segment', notes[3] ?? '', names[3] ?? '').content;
      writeFileSync(file(names[3], 'manifest'), writeNote('segment', content, aVouching()));
    },
  ],
])('the fourth segment is named, and how far one gets: %s', async ([, words, damage]) => {
  const chain = await aChain();
  damage(chain);
  const [first, second] = await chain.judged();
  for (const [verdict, from] of [
    [first, 0],
    [second, 2],
  ] as const) {
    expect(verdict).toMatchObject({
      problem: words.includes('vouch') && !words.includes('|') ? 'stranger' : expect.any(String),
    });
    expect(verdict?.fault).toContain(chain.names[3]);
    expect(verdict?.fault).toMatch(new RegExp(words));
    expect(verdict?.moments).toEqual(moments(from, 2));
    expect(verdict?.segments).toBe(3 - from);
  }
});

test('the newest taken away is missed by who knows what was sent, and by nobody else', async () => {
  const chain = await aChain();
  for (const n of [4, 5]) for (const ending of ['zst.age', 'manifest']) rmSync(chain.file(chain.names[n], ending));
  const nobody = await chain.judged({ sent: new Map() });
  expect(nobody).toMatchObject([{ fault: null, moments: moments(0, 3) }, { fault: null }]);
  const [first] = await chain.judged();
  expect(first).toMatchObject({ problem: 'damaged', moments: moments(0, 3), segments: 4 });
  expect(first?.fault).toContain(
    `${chain.names[4]} is not the backup that was made: it is missing, and the log was sent to`,
  );
  expect(first?.fault).toContain(`up to ${chain.last.segment} of ${finishedAt(5)}`);
  // All of it, so that only the bases are left.
  for (const name of chain.names.slice(0, 4)) rmSync(chain.file(name, 'manifest'));
  expect(await chain.judged()).toMatchObject([{ problem: 'damaged', moments: null, segments: 0 }, { moments: null }]);
  expect(await chain.judged({ sent: new Map() })).toMatchObject([{ problem: 'unusable' }, { problem: 'unusable' }]);
});

test('the newest exchanged for another that we vouched for is not what was sent', async () => {
  const chain = await aChain();
  const { vouched: _, ...content } = readNote('segment', chain.notes[5] ?? '', chain.names[5] ?? '').content;
  const other = writeNote('segment', { ...content, finishedAt: finishedAt(9) }, chain.vouching);
  writeFileSync(chain.file(chain.names[5], 'manifest'), other);
  const [first] = await chain.judged();
  expect(first).toMatchObject({ problem: 'damaged', moments: moments(0, 4) });
  expect(first?.fault).toContain('it is not the one that was sent');
});

test('a base that is altered, gone, or another than the one on record is bad, and the other one is not', async () => {
  const chain = await aChain();
  const [oldest = '', newest = ''] = chain.bases;
  flip(chain.file(oldest, 'tar.zst.age'));
  expect(await chain.judged()).toMatchObject([
    { problem: 'damaged', fault: expect.stringContaining('its file was altered'), moments: null },
    { fault: null },
  ]);
  const path = chain.file(newest, 'manifest');
  const { vouched: _, ...content } = readNote('base', readFileSync(path, 'utf8'), newest).content;
  writeFileSync(path, writeNote('base', { ...content, startedAt: finishedAt(9) }, chain.vouching));
  expect((await chain.judged())[1]?.fault).toContain('not the one that the audit log has on record');
  await chain.store.remove(newest);
  expect((await chain.judged())[1]?.fault).toContain('it is gone from');
});

test('the cursor of a data folder knows of its own place, and more than the database', async () => {
  const { folder, last } = await aChain();
  const older = { ...last, segment: FIRST };
  const recorded = new Map([
    [CHAIN, older],
    ['fedcba9876543210', older],
  ]);
  expect(sentFrom(folder, '/mnt/b', recorded)).toEqual(recorded);
  await writeWalCursor(folder, { system: '1', place: '/mnt/b', chain: CHAIN, last });
  expect(sentFrom(folder, '/mnt/other', recorded)).toEqual(recorded);
  expect(sentFrom(folder, '/mnt/b', recorded)).toEqual(new Map([...recorded, [CHAIN, last]]));
});
