import { randomBytes } from 'node:crypto';
import {
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { newDatabaseFolder } from '../../../../../tests/support/database-folders.ts';
import { systemClock } from '../../../lib/clock.ts';
import { publicKeyOf, verifierOf } from '../../../lib/transparency/signed-note.ts';
import { openBaseBackup } from '../../../platform/db/base-backup.ts';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../../../platform/db/embedded.ts';
import { recoverCluster } from '../../../platform/db/recover-cluster.ts';
import { archiving, type WalOutbox, walOutbox } from '../../../platform/db/wal-outbox.ts';
import { SEGMENT_BYTES, segmentAfter } from '../../../platform/db/wal-segments.ts';
import { withClient } from '../../../platform/db/with-client.ts';
import { folderStorage } from '../../../platform/storage/folder-storage.ts';
import { createKeyRing } from '../../crypto/key-ring.ts';
import { newRootKeyText, parseRootKey } from '../../crypto/root-key.ts';
import { anIdentity } from '../backups.builders.ts';
import { chainStore } from './chain-store.ts';
import { createBase, newBaseName } from './create-base.ts';
import { layOutRoute } from './lay-out-route.ts';
import { listReachable, routeTo } from './reachable.ts';
import { keepSealed, openSealed } from './seal-file.ts';
import { segmentSender } from './send-segments.ts';
import { type BaseNote, readNote, type Vouching, writeNote } from './vouched-note.ts';
import { type LastSent, readWalCursor } from './wal-cursor.ts';

// Segments of a real PostgreSQL, sent to a folder; what was sent, damaged in every way; and a sender that is killed at every point.

function aVouching(): Vouching {
  const seed = randomBytes(32);
  const rootKey = parseRootKey(newRootKeyText());
  if (!rootKey) throw new Error('no root key');
  const verifier = verifierOf('valtronics.test/audit/0123456789ab', publicKeyOf(seed));
  return { key: { verifier, seed }, keyRing: createKeyRing(rootKey) };
}

const quiet = { info() {}, warn() {}, error() {} };
const vouching = aVouching();
const never = new AbortController().signal;
let postgres: EmbeddedPostgres;
let outbox: WalOutbox;
let [folder, dataDir, identity, recipient]: [string, string, string, string] = ['', '', '', ''];
let base: Omit<BaseNote, 'vouched'>;

/** What the database was told of how far each chain goes. */
const ends = new Map<string, LastSent>();
const store = (at = folder) => chainStore(folderStorage(at));
const cursorFile = (): string => join(dataDir, 'wal-cursor.json');
const files = (at = folder): string => join(at, 'point-in-time');
const aSender = (recorded: string[] = [], others: Partial<Parameters<typeof segmentSender>[0]> = {}) =>
  segmentSender({
    outbox,
    openStore: async () => store(),
    dataDir,
    recipients: [recipient],
    vouching,
    record: async (chain) => void recorded.push(chain),
    recordSent: async (chain, last) => void ends.set(chain, last),
    ...others,
  });
/** Sends all that waits; how many, and what was told of them. */
async function sendAll(sender = aSender()) {
  const told: { gap?: string; lost?: string } = {};
  let sent = 0;
  const tell = {
    gap: (gap: string) => void Object.assign(told, { gap }),
    lost: (lost: string) => void Object.assign(told, { lost }),
  };
  while (await sender.send(never, tell)) sent += 1;
  return { sent, ...told };
}
/** Something happens, and the segment it is in is finished. */
const finish = () =>
  withClient(postgres.adminConnection(), async (client) => {
    await client.query(
      'create table if not exists marks (at timestamptz); insert into marks values (clock_timestamp())',
    );
    await client.query('select pg_switch_wal()');
  });
const marks = (connection: pg.ClientConfig) =>
  withClient(connection, async (client) => (await client.query<{ at: Date }>('select at from marks order by at')).rows);
async function aBase(): Promise<Omit<BaseNote, 'vouched'>> {
  const backup = await openBaseBackup(postgres.adminConnection(), { isUrgent: true });
  try {
    const { note } = await createBase({
      name: newBaseName(new Date()),
      base: backup,
      postgres: '18',
      store: store(),
      chain: () => readWalCursor(dataDir)?.chain,
      recipients: [recipient],
      vouching,
      clock: systemClock,
      onProgress: () => undefined,
      signal: never,
    });
    return note;
  } finally {
    await backup.close();
  }
}

beforeAll(async () => {
  const home = newDatabaseFolder('valtronics-log-');
  dataDir = join(home, 'data');
  folder = mkdtempSync(join(home, 'backups-'));
  ({ identity, recipient } = await anIdentity());
  postgres = await startEmbeddedPostgres({ dataDir, log: quiet, settings: archiving });
  outbox = walOutbox(postgres.dataFolder);
  await sendAll();
  base = await aBase();
  for (let n = 0; n < 5; n += 1) await finish();
  await sendAll();
}, 120_000);
afterAll(async () => {
  await postgres?.stop();
  rmSync(join(folder, '..'), { recursive: true, force: true });
});

/** Everything on the way to a moment, read to its end. */
async function walk(at: string, given: { identities?: string[]; keyRing?: Vouching['keyRing']; moment?: Date } = {}) {
  const kept = store(at);
  const [reachable] = await listReachable(kept);
  const moment = given.moment ?? reachable?.until ?? new Date();
  const route = await routeTo(kept, {
    at: moment,
    name: undefined,
    keyRing: given.keyRing ?? vouching.keyRing,
    keys: [vouching.key.verifier],
  });
  for (const one of [route.base.content, ...route.segments])
    for await (const _ of openSealed(kept, one, {
      identities: given.identities ?? [identity],
      onProgress: () => undefined,
      signal: never,
    }));
  return route;
}

function aCopy() {
  const copy = mkdtempSync(join(tmpdir(), 'valtronics-log-'));
  onTestFinished(() => rmSync(copy, { recursive: true, force: true }));
  cpSync(folder, copy, { recursive: true });
  const names = readdirSync(files(copy))
    .filter((name) => /^[0-9a-f]{16}-.*\.manifest$/.test(name))
    .map((name) => name.slice(0, -'.manifest'.length))
    .sort();
  const [, , victim = '', next = ''] = names;
  const at = (name: string, ending = 'zst.age') => join(files(copy), `${name}.${ending}`);
  return { copy, at, victim, next };
}

async function* plainBlocks(blocks: readonly Buffer[]): AsyncGenerator<Uint8Array> {
  yield* blocks;
}

const swap = (one: string, other: string): void => {
  renameSync(one, `${one}.x`);
  renameSync(other, one);
  renameSync(`${one}.x`, other);
};
const flip = (path: string, at: (length: number) => number): void => {
  const bytes = readFileSync(path);
  bytes.writeUInt8(bytes.readUInt8(at(bytes.length)) ^ 1, at(bytes.length));
  writeFileSync(path, bytes);
};

describe('what was sent', () => {
  test('leads from the base to the newest moment, and to no other', async () => {
    const [reachable] = await listReachable(store());
    expect(reachable).toMatchObject({ base: { name: base.name }, from: new Date(base.endedAt), missing: undefined });
    const until = reachable?.until ?? new Date(0);
    expect(until.getTime()).toBeGreaterThan(new Date(base.endedAt).getTime());
    const route = await walk(folder);
    expect(route.segments[0]?.segment).toBe(base.from.segment);
    expect(route.segments.length).toBeGreaterThanOrEqual(5);
    for (const [at, { segment }] of route.segments.slice(1).entries())
      expect(segment).toBe(segmentAfter(route.segments[at]?.segment ?? ''));
    await expect(walk(folder, { moment: new Date(until.getTime() + 1_000) })).rejects.toThrow(
      `is ${until.toISOString()}`,
    );
    await expect(walk(folder, { moment: new Date(0) })).rejects.toThrow(
      `the oldest moment that can be gone back to is ${base.endedAt}`,
    );
  });

  test('is closed to others, and opens with its own identity alone', async () => {
    for (const name of readdirSync(files())) expect(statSync(join(files(), name)).mode & 0o777).toBe(0o600);
    const other = await anIdentity();
    await expect(walk(folder, { identities: [other.identity] })).rejects.toMatchObject({ problem: 'wrong-key' });
  });

  test('is nothing to a machine with another root key, before any of it is opened', async () => {
    const { keyRing } = aVouching();
    await expect(walk(folder, { keyRing, identities: [] })).rejects.toThrow(`does not vouch for ${base.name}`);
  });

  test.for([
    ['a bit of a segment', 'altered|not what was', ({ at, victim }) => flip(at(victim), (length) => length >> 1)],
    ['a bit of its header', 'altered|malformed|cannot be', ({ at, victim }) => flip(at(victim), () => 60)],
    [
      'a segment cut short',
      'bytes instead of',
      ({ at, victim }) => truncateSync(at(victim), statSync(at(victim)).size - 1),
    ],
    ['a segment without its file', 'its file is not in', ({ at, victim }) => rmSync(at(victim))],
    ['a segment without its manifest', 'it is missing', ({ at, victim }) => rmSync(at(victim, 'manifest'))],
    [
      'files of two segments exchanged',
      'bytes instead of|altered',
      ({ at, victim, next }) => swap(at(victim), at(next)),
    ],
    [
      'two segments exchanged, with what is signed',
      'what is signed is about',
      ({ at, victim, next }) => {
        swap(at(victim), at(next));
        swap(at(victim, 'manifest'), at(next, 'manifest'));
      },
    ],
    [
      'a manifest that was altered',
      'does not vouch for|cannot be read',
      ({ at, victim }) => {
        const path = at(victim, 'manifest');
        writeFileSync(path, readFileSync(path, 'utf8').replace(/"finishedAt":"20/, '"finishedAt":"21'));
      },
    ],
    [
      'a segment that somebody else made and signed',
      'does not vouch for',
      ({ at, victim }) => {
        const path = at(victim, 'manifest');
        const { vouched: _, ...content } = readNote('segment', readFileSync(path, 'utf8'), victim).content;
        writeFileSync(path, writeNote('segment', content, aVouching()));
      },
    ],
    [
      'one of ours that follows another one',
      'the one before it is not',
      ({ at, victim }) => {
        const path = at(victim, 'manifest');
        const { vouched: _, ...content } = readNote('segment', readFileSync(path, 'utf8'), victim).content;
        writeFileSync(path, writeNote('segment', { ...content, previous: '0'.repeat(64) }, vouching));
      },
    ],
  ] as const satisfies readonly [string, string, (copy: ReturnType<typeof aCopy>) => void][])(
    'is refused by name: %s',
    async ([, words, damage]) => {
      const copy = aCopy();
      const until = (await listReachable(store()))[0]?.until;
      damage(copy);
      const refused = await walk(copy.copy, until ? { moment: until } : {}).catch((error: Error) => error);
      expect(refused).toBeInstanceOf(Error);
      expect((refused as Error).message).toContain(copy.victim);
      expect((refused as Error).message).toMatch(new RegExp(words));
    },
  );

  test('is refused where somebody else has encrypted the same to the same recipients: only the digest tells', async () => {
    const { copy, at, victim } = aCopy();
    const [content] = [readNote('segment', readFileSync(at(victim, 'manifest'), 'utf8'), victim).content];
    const plain: Buffer[] = [];
    const options = { identities: [identity], onProgress: () => undefined, signal: never };
    for await (const block of openSealed(store(copy), content, options)) plain.push(Buffer.from(block));
    rmSync(at(victim));
    await keepSealed(store(copy), victim, plainBlocks(plain), [recipient]);
    expect(statSync(at(victim)).size).toBe(content.file.bytes);
    await expect(walk(copy)).rejects.toThrow(`${victim} is not the backup that was made: its file was altered`);
  });

  test('is refused where the base was altered', async () => {
    const { copy, at } = aCopy();
    flip(at(base.name, 'tar.zst.age'), (length) => length >> 1);
    await expect(walk(copy)).rejects.toThrow(`${base.name} is not the backup that was made`);
  });

  test('goes on in no other direction than that of its signatures: another key of the audit log is a stranger', async () => {
    const given = { at: new Date(), name: undefined, keyRing: vouching.keyRing, keys: [aVouching().key.verifier] };
    await expect(routeTo(store(), given)).rejects.toThrow('not a key that is believed here');
  });
});

test('PostgreSQL recovers from it, up to the moment and no further', async () => {
  const [reachable] = await listReachable(store());
  const at = reachable?.until ?? new Date();
  const route = await routeTo(store(), { at, name: undefined, keyRing: vouching.keyRing, keys: undefined });
  const options = { identities: [identity], onProgress: () => undefined, signal: never };
  const recovery = {
    dataDir: `${dataDir}-recovered`,
    log: quiet,
    replaces: false,
    at,
    signal: never,
    fill: (folders: { data: string; log: string }) => layOutRoute(store(), route, options, folders),
  };
  const { result } = await recoverCluster(recovery, async ({ admin, lastCommitAt }) => ({
    rows: await marks(admin()),
    lastCommitAt,
  }));
  expect(result.rows).toEqual(await marks(postgres.adminConnection()));
  expect(result.rows.length).toBe(5);
  expect(new Date(result.lastCommitAt ?? 0).getTime()).toBeLessThanOrEqual(at.getTime());
  await expect(recoverCluster(recovery, async () => 0)).rejects.toThrow('with --replace it is put aside');
});

describe('a sender that was killed', () => {
  const inodes = () => new Map(readdirSync(files()).map((name) => [name, statSync(join(files(), name)).ino]));
  const again = (segment: string): void =>
    renameSync(
      join(postgres.dataFolder, 'pg_wal/archive_status', `${segment}.done`),
      join(postgres.dataFolder, 'pg_wal/archive_status', `${segment}.ready`),
    );
  /** One more segment is sent; the cursor before and after it. */
  async function another() {
    const before = readFileSync(cursorFile());
    await finish();
    await sendAll();
    const { chain, last } = readWalCursor(dataDir) ?? {};
    return { before, segment: last?.segment ?? '', name: `${chain}-${last?.segment}` };
  }

  test('after the cursor: nothing is sent, the mark goes', async () => {
    const { segment } = await another();
    const there = inodes();
    again(segment);
    expect(await sendAll()).toEqual({ sent: 0 });
    expect(inodes()).toEqual(there);
    expect(outbox.waiting()).toEqual([]);
  });

  test('after what is signed: it is taken for what it is, and not written again', async () => {
    const { before, segment } = await another();
    const there = inodes();
    again(segment);
    writeFileSync(cursorFile(), before);
    expect(await sendAll()).toEqual({ sent: 1 });
    expect(inodes()).toEqual(there);
    expect(readWalCursor(dataDir)?.last?.segment).toBe(segment);
    await walk(folder);
  });

  test('after the file: it is written anew, and leads on', async () => {
    const { before, segment, name } = await another();
    again(segment);
    writeFileSync(cursorFile(), before);
    rmSync(join(files(), `${name}.manifest`));
    expect(await sendAll()).toEqual({ sent: 1 });
    await finish();
    await sendAll();
    await walk(folder);
  });

  test('and finds another one in its place: nothing goes on', async () => {
    const { before, segment, name } = await another();
    const path = join(files(), `${name}.manifest`);
    const signed = readFileSync(path, 'utf8');
    const { vouched: _, ...content } = readNote('segment', signed, name).content;
    again(segment);
    writeFileSync(cursorFile(), before);
    writeFileSync(path, writeNote('segment', content, aVouching()));
    await expect(sendAll()).rejects.toThrow(`does not vouch for ${name}`);
    expect(outbox.waiting()).toEqual([segment]);
    writeFileSync(path, signed);
    expect(await sendAll()).toMatchObject({ sent: 1 });
  });
});

describe('a log that is not whole', () => {
  test('what was not sent begins another chain; the base before leads no further, the next one does', async () => {
    const { chain = '', last } = readWalCursor(dataDir) ?? {};
    ends.clear();
    const [before] = await listReachable(store());
    await finish();
    for (const segment of outbox.waiting()) outbox.release(segment);
    await finish();
    const recorded: string[] = [];
    const sent = await sendAll(aSender(recorded));
    expect(sent).toMatchObject({ sent: 1, gap: expect.any(String) });
    expect(recorded).toEqual([readWalCursor(dataDir)?.chain]);
    expect(recorded).not.toEqual([chain]);
    expect(ends.get(chain)).toEqual(last);
    expect((await listReachable(store()))[0]?.until).toEqual(before?.until);
    const next = await aBase();
    await finish();
    await sendAll();
    const route = await walk(folder, { moment: new Date((await listReachable(store()))[1]?.until ?? 0) });
    expect(route.base.content.name).toBe(next.name);
  });

  test('a place that does not answer keeps it on the disk, until there is too little room there', async () => {
    renameSync(folder, `${folder}.away`);
    onTestFinished(() => renameSync(`${folder}.away`, folder));
    await finish();
    await finish();
    const sender = aSender();
    await expect(sendAll(sender)).rejects.toThrow();
    expect(await sender.relieve(false)).toBe(0);
    expect(outbox.waiting().length).toBeGreaterThanOrEqual(2);
    expect(await sender.relieve(true)).toBeGreaterThanOrEqual(2);
    expect(outbox.waiting()).toEqual([]);
    expect(readWalCursor(dataDir)).toBeUndefined();
    // The database has lost nothing, and goes on.
    await finish();
  });

  test('of as much as may wait nothing is given up; with one segment more all of it is, and how far it went is on record', async () => {
    await sendAll();
    const { chain = '', last } = readWalCursor(dataDir) ?? {};
    renameSync(folder, `${folder}.away`);
    onTestFinished(() => {
      if (existsSync(`${folder}.away`)) renameSync(`${folder}.away`, folder);
    });
    await finish();
    const waiting = outbox.waiting().length;
    const sender = aSender([], { mostWaitingBytes: waiting * SEGMENT_BYTES });
    await expect(sendAll(sender)).rejects.toThrow();
    expect(await sender.relieve(false)).toBe(0);
    expect(outbox.waiting().length).toBe(waiting);
    ends.clear();
    await finish();
    expect(sender.waitingBytes()).toBe((waiting + 1) * SEGMENT_BYTES);
    expect(await sender.relieve(false)).toBe(waiting + 1);
    expect(sender.waitingBytes()).toBe(0);
    expect(ends.get(chain)).toEqual(last);
    // PostgreSQL goes on, and takes its room back: what was given up is used again. What comes next begins a chain.
    const rows = (await marks(postgres.adminConnection())).length;
    await finish();
    expect((await marks(postgres.adminConnection())).length).toBe(rows + 1);
    renameSync(`${folder}.away`, folder);
    const recorded: string[] = [];
    expect(await sendAll(aSender(recorded))).not.toHaveProperty('lost');
    expect(recorded).toEqual([readWalCursor(dataDir)?.chain]);
    expect(recorded).not.toEqual([chain]);
  });

  test.for([
    ['taken away', (path: string) => rmSync(path)],
    ['robbed of its file', (path: string) => rmSync(path.replace('.manifest', '.zst.age'))],
    ['cut short', (path: string) => truncateSync(path.replace('.manifest', '.zst.age'), 100)],
    [
      'exchanged for what was vouched for at another time',
      (path: string, name: string) => {
        const { vouched: _, ...content } = readNote('segment', readFileSync(path, 'utf8'), name).content;
        writeFileSync(path, writeNote('segment', { ...content, finishedAt: '2026-01-01T00:00:00.000Z' }, vouching));
      },
    ],
  ] as const)('what was sent last and was %s is missed with the next: another chain begins', async ([, damage]) => {
    await finish();
    await sendAll();
    const { chain = '', last } = readWalCursor(dataDir) ?? {};
    const name = `${chain}-${last?.segment}`;
    damage(join(files(), `${name}.manifest`), name);
    expect(await sendAll()).toEqual({ sent: 0 });
    await finish();
    const recorded: string[] = [];
    expect(await sendAll(aSender(recorded))).toEqual({ sent: 1, lost: name });
    expect(recorded).toEqual([readWalCursor(dataDir)?.chain]);
    expect(recorded).not.toEqual([chain]);
    expect(ends.get(chain)).toEqual(last);
    await finish();
    expect(await sendAll()).toEqual({ sent: 1 });
  });

  test.for(['recordSent', 'record', 'keepFile'])(
    'a loss and a gap are told whatever fails behind them, here %s, and once',
    async (fails) => {
      for (const what of ['lost', 'gap']) {
        await finish();
        await sendAll();
        const { chain, last } = readWalCursor(dataDir) ?? {};
        if (what === 'lost') rmSync(join(files(), `${chain}-${last?.segment}.manifest`));
        await finish();
        if (what === 'gap') for (const segment of outbox.waiting()) outbox.release(segment);
        await finish();
        let away: string | undefined = fails;
        const attempt = async (name: string): Promise<void> => {
          if (away === name) throw new Error('it is away');
        };
        const sender = aSender([], {
          record: () => attempt('record'),
          recordSent: () => attempt('recordSent'),
          openStore: async () => ({
            ...store(),
            keepFile: (name, blocks) => attempt('keepFile').then(() => store().keepFile(name, blocks)),
          }),
        });
        const told: string[] = [];
        const tell = { gap: () => void told.push('gap'), lost: () => void told.push('lost') };
        for (const _ of ['first', 'again']) await expect(sender.send(never, tell)).rejects.toThrow('it is away');
        expect(told).toEqual([what]);
        away = undefined;
        while (await sender.send(never, tell));
        expect(told).toEqual([what]);
        expect(readWalCursor(dataDir)?.chain).not.toBe(chain);
      }
    },
  );

  test('one is sent at a time, so that between them it is seen how much waits', async () => {
    await sendAll();
    for (const _ of [1, 2, 3]) await finish();
    const waiting = outbox.waiting();
    expect(waiting.length).toBeGreaterThanOrEqual(3);
    const told = { gap: () => undefined, lost: () => undefined };
    expect(await aSender().send(never, told)).toBe(true);
    expect(outbox.waiting()).toEqual(waiting.slice(1));
    await sendAll();
  });

  test('a place that is away has lost nothing', async () => {
    await finish();
    await sendAll();
    const before = readWalCursor(dataDir);
    await finish();
    renameSync(folder, `${folder}.away`);
    await expect(sendAll()).rejects.toThrow(`there is no ${folder}`);
    renameSync(`${folder}.away`, folder);
    expect(readWalCursor(dataDir)).toEqual(before);
    expect(await sendAll()).toEqual({ sent: 1 });
  });
});
