import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { aDatabase, type TestDatabase } from '../../../../tests/support/database.ts';
import { openCheckpoint } from '../../lib/transparency/checkpoint.ts';
import { readCheckpoints } from '../../lib/transparency/checkpoint-list.ts';
import { writeKeyFile } from '../../lib/transparency/log-folder.ts';
import { signatureLine, signerOf, signNote, verifierText } from '../../lib/transparency/signed-note.ts';
import { readBundle, writeBundle } from '../../lib/transparency/tiles.ts';
import { parseProof, writeProof } from '../../lib/transparency/tlog-proof.ts';
import { verifyFolder, verifyProof } from '../../lib/transparency/verify-offline.ts';
import { aTestLog, type TestLog } from './audit.builders.ts';
import { exportTree, proveEvent } from './export-log.ts';
import { listTrees } from './tree.repository.ts';

const VERIFIER = fileURLToPath(new URL('../../audit-verifier.ts', import.meta.url));

let database: TestDatabase;
let log: TestLog;
let folder: string;
let place: string;
let key: string;
beforeAll(async () => {
  database = await aDatabase();
  log = await aTestLog(database);
  key = verifierText(log.key.verifier);
  folder = join(mkdtempSync(join(tmpdir(), 'valtronics-export-')), 'export');
  await log.appendMany(260);
  await log.sign();
  await log.appendMany(5);
  await log.sign();
  await log.transactions.readAcross(async (reader) => {
    for (const tree of await listTrees(reader)) {
      await exportTree(reader, tree, join(folder, tree.origin.split('/').at(-1) ?? ''));
    }
  });
  writeKeyFile(folder, key);
  const trees = await log.transactions.readAcross(listTrees);
  place =
    trees
      .find(({ organisation_id }) => organisation_id !== null)
      ?.origin.split('/')
      .at(-1) ?? '';
});
afterAll(async () => {
  rmSync(join(folder, '..'), { recursive: true, force: true });
  await database?.drop();
});

const aCopy = (): string => {
  const copy = mkdtempSync(join(tmpdir(), 'valtronics-copy-'));
  cpSync(folder, copy, { recursive: true });
  return copy;
};
const found = async (path: string, trusted: string[] = []) =>
  (
    await verifyFolder(
      path,
      [log.key.verifier],
      trusted.map((note) => openCheckpoint(note, [log.key.verifier])),
    )
  ).flatMap(({ findings }) => findings.map(({ kind, position }) => ({ kind, position })));

describe('an export', () => {
  it('verifies with nothing but node, its files and the key', () => {
    const json = execFileSync(process.execPath, [VERIFIER, folder, '--key', key, '--json'], { encoding: 'utf8' });
    const { isGood, logs } = JSON.parse(json);
    expect(isGood).toBe(true);
    expect(logs.map(({ size, findings }: { size: number; findings: [] }) => [size, findings])).toEqual([
      [4, []],
      [265, []],
    ]);
    expect(logs[1].cannotExclude).toContain('cannot be excluded');
    expect(JSON.parse(json).keyFrom).toBe('given');
    const checkpoint = join(folder, place, 'checkpoints');
    const anchored = execFileSync(process.execPath, [VERIFIER, folder, '--key', key, '--checkpoint', checkpoint], {
      encoding: 'utf8',
    });
    expect(anchored).toContain('All of it is what the trusted checkpoint of 265 entries vouches for.');
  });

  it('has the shape of c2sp.org/tlog-tiles', () => {
    expect(readFileSync(join(folder, place, 'tile/0/000')).length).toBe(8_192);
    expect(readFileSync(join(folder, place, 'tile/0/001.p/9')).length).toBe(9 * 32);
    expect(readFileSync(join(folder, place, 'tile/1/000.p/1')).length).toBe(32);
    expect(readFileSync(join(folder, place, 'tile/entries/001.p/9')).readUInt16BE(0)).toBeGreaterThan(100);
  });

  it('is refused with another key, and altered anywhere the place is named', async () => {
    const stranger = verifierText(signerOf(log.key.verifier.name, Buffer.alloc(32, 9)));
    const refused = spawnSync(process.execPath, [VERIFIER, folder, '--key', stranger], { encoding: 'utf8' });
    expect([refused.status, refused.stderr]).toEqual([1, expect.stringContaining('not signed with this key')]);

    const edited = aCopy();
    const bundle = join(edited, place, 'tile/entries/001.p/9');
    const bytes = readFileSync(bundle);
    bytes.write('success', bytes.indexOf('failure'));
    writeFileSync(bundle, bytes);
    expect(await found(edited)).toEqual([{ kind: 'edited', position: 256 }]);

    const values = aCopy();
    const first = join(values, place, 'values/000');
    writeFileSync(first, readFileSync(first, 'utf8').replace('person-1@example.org', 'person-9@example.org'));
    expect(await found(values)).toEqual([{ kind: 'row_edited', position: 1 }]);

    const gone = aCopy();
    rmSync(join(gone, place, 'tile/entries/001.p/9'));
    expect((await found(gone))[0]).toEqual({ kind: 'missing', position: 256 });

    const tile = aCopy();
    const hashes = join(tile, place, 'tile/0/000');
    writeFileSync(hashes, readFileSync(hashes).fill(1, 32, 64));
    expect((await found(tile))[0]).toEqual({ kind: 'edited', position: 1 });
  });

  it('whose values cannot be read is no good one, and waits for nobody', async () => {
    const torn = aCopy();
    const first = join(torn, place, 'values/000');
    writeFileSync(first, readFileSync(first).subarray(0, 100));
    await expect(found(torn)).rejects.toThrow(SyntaxError);
    const { status } = spawnSync(process.execPath, [VERIFIER, torn, '--key', key], { timeout: 30_000 });
    expect(status).toBe(1);
  });
  it('says whose word it is that the key is the log’s, where nobody gave one', () => {
    const text = execFileSync(process.execPath, [VERIFIER, folder], { encoding: 'utf8' });
    expect(text).toContain('The key is the one in the export itself.');
    const json = execFileSync(process.execPath, [VERIFIER, folder, '--json'], { encoding: 'utf8' });
    expect(JSON.parse(json)).toMatchObject({ keyFrom: 'export', warning: expect.stringContaining('--key') });
  });

  it('without a log that another in it names is incomplete, whatever is asked', async () => {
    const without = aCopy();
    const kept = readFileSync(join(folder, place, 'checkpoint'), 'utf8');
    rmSync(join(without, place), { recursive: true });
    expect(await found(without)).toEqual([{ kind: 'truncated', position: 0 }]);
    // By itself it is one log, whole as it is.
    expect(await found(join(without, 'instance'), [kept])).toEqual([]);
    const withoutInstance = aCopy();
    rmSync(join(withoutInstance, 'instance'), { recursive: true });
    expect(await found(withoutInstance)).toEqual([]);
    const ofInstance = readFileSync(join(folder, 'instance', 'checkpoint'), 'utf8');
    expect(await found(withoutInstance, [ofInstance])).toEqual([{ kind: 'truncated', position: 0 }]);
  });

  it('with a log cut back to a checkpoint of its own is found out by the others', async () => {
    const cut = aCopy();
    const own = join(cut, place);
    const [first = ''] = readCheckpoints(readFileSync(join(own, 'checkpoints'), 'utf8'));
    writeFileSync(join(own, 'checkpoint'), first);
    writeFileSync(join(own, 'checkpoints'), `${first}\n`);
    const entries = readBundle(readFileSync(join(own, 'tile/entries/001.p/9'))).slice(0, 4);
    writeFileSync(join(own, 'tile/entries/001.p/4'), writeBundle(entries));
    writeFileSync(join(own, 'tile/0/001.p/4'), readFileSync(join(own, 'tile/0/001.p/9')).subarray(0, 4 * 32));
    expect(await found(own)).toEqual([]);
    expect(await found(cut)).toEqual([{ kind: 'truncated', position: 260 }]);
  });

  it('is verified with what a file of checkpoints holds, also when the file is torn', () => {
    const file = join(folder, '..', 'torn');
    const whole = readFileSync(join(folder, place, 'checkpoint'), 'utf8');
    const foreign = signNote(
      `${log.key.verifier.name}/x\n1\n${'A'.repeat(43)}=\n`,
      signerOf(`${log.key.verifier.name}/x`, Buffer.alloc(32, 9)),
    );
    writeFileSync(file, `${whole.slice(0, 80)}\n\n${whole}\n{"note":"half\n${foreign}\n{"other":1}\n`);
    const run = spawnSync(process.execPath, [VERIFIER, folder, '--key', key, '--checkpoint', file], {
      encoding: 'utf8',
    });
    expect([run.status, run.stdout, run.stderr]).toEqual([
      0,
      expect.stringContaining('All of it is what the trusted checkpoint of 265 entries vouches for.'),
      expect.stringContaining('3 checkpoints are torn or not signed with this key'),
    ]);
    writeFileSync(file, whole.slice(0, 80));
    const nothing = spawnSync(process.execPath, [VERIFIER, folder, '--key', key, '--checkpoint', file], {
      encoding: 'utf8',
    });
    expect([nothing.status, nothing.stderr]).toEqual([1, expect.stringContaining('holds no checkpoint')]);
  });

  it('that ends before a checkpoint somebody kept was cut off', async () => {
    await log.append(1);
    const [later] = await log.sign();
    expect(await found(folder, [later?.note ?? ''])).toEqual([{ kind: 'truncated', position: 265 }]);
  });
});

describe('the proof of an event', () => {
  const eventId = async (): Promise<string> =>
    (
      await database.admin.query(
        `select event_id as id from audit_leaves where position = 7 and event_id in (select id from audit_events where organisation_id = $1)`,
        [log.organisationId],
      )
    ).rows[0].id;
  const prove = async (id: string) =>
    (await log.transactions.readAcross((reader) => proveEvent(reader, id, [log.key.verifier])))?.proof ?? '';

  it('proves what happened and who did it, to whoever holds the key', async () => {
    const proof = await prove(await eventId());
    const proven = verifyProof(proof, [log.key.verifier]);
    expect(proven).toMatchObject({ position: 7, size: 266, event: { event: 'session.refused', outcome: 'failure' } });
    expect(proven.values).toEqual({
      '/actor/label': 'person-1@example.org',
      '/address': '192.0.2.7',
      '/details/name': 'Name 7',
    });
    const file = join(folder, '..', 'event.tlog-proof');
    writeFileSync(file, proof);
    expect(execFileSync(process.execPath, [VERIFIER, file, '--key', key], { encoding: 'utf8' })).toContain('Name 7');
  });

  it('does not prove another event, place, value or time', async () => {
    const text = await prove(await eventId());
    const proof = parseProof(text);
    const extra = proof.extra?.toString() ?? '';
    const altered = [
      writeProof({ ...proof, index: 8 }),
      writeProof({ ...proof, hashes: proof.hashes.toReversed() }),
      writeProof({ ...proof, extra: Buffer.from(extra.replace('failure', 'success')) }),
      writeProof({ ...proof, extra: Buffer.from(extra.replace('192.0.2.7', '192.0.2.8')) }),
      writeProof({ ...proof, extra: undefined }),
      text.replace('\n266\n', '\n267\n'),
    ];
    for (const wrong of altered) expect(() => verifyProof(wrong, [log.key.verifier])).toThrow();
  });

  it('names the witness that countersigned its checkpoint, when its key is given', async () => {
    const proof = parseProof(await prove(await eventId()));
    const witness = signerOf('witness.example.com/audit', Buffer.alloc(32, 5), 4);
    const { signed } = openCheckpoint(proof.checkpoint, [log.key.verifier]);
    const text = writeProof({
      ...proof,
      checkpoint: proof.checkpoint + signatureLine(signed.text, witness, 1_700_000_000),
    });
    expect(verifyProof(text, [log.key.verifier, witness]).witnesses).toEqual(['witness.example.com/audit']);
    expect(verifyProof(text, [log.key.verifier]).witnesses).toEqual([]);
  });
});
