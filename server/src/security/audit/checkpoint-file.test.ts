import {
  appendFileSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { aDatabase, type TestDatabase } from '../../../../tests/support/database.ts';
import { checkpointText } from '../../lib/transparency/checkpoint.ts';
import { readCheckpoints } from '../../lib/transparency/checkpoint-list.ts';
import { signerOf, signNote } from '../../lib/transparency/signed-note.ts';
import type { Logger } from '../../platform/log/log.ts';
import { aTestLog, type TestLog } from './audit.builders.ts';
import { openCheckpointFile } from './checkpoint-file.ts';

let database: TestDatabase;
let log: TestLog;
let folder: string;
let path: string;
let complaints: string[];
beforeEach(async () => {
  database = await aDatabase();
  log = await aTestLog(database);
  folder = mkdtempSync(join(tmpdir(), 'valtronics-checkpoints-'));
  path = join(folder, 'checkpoints');
  complaints = [];
});
afterEach(async () => {
  rmSync(folder, { recursive: true, force: true });
  await database?.drop();
});

const aLogger = () => ({ error: (_: object, text: string) => complaints.push(text) }) as unknown as Logger;
const open = (mostBytes?: number) => openCheckpointFile(path, log.key.verifier, aLogger(), mostBytes);
const signOne = async (index: number) => {
  await log.append(index);
  return log.sequencer.run({ signNow: true });
};
/** What a start with this file says: whether nothing is signed, and what is told. */
async function start() {
  const told: string[] = [];
  const contradicts = await open().contradicts(log.transactions, (origin, { kind, before }) =>
    told.push(`${origin.endsWith('/instance') ? 'instance' : 'organisation'} ${kind} ${before}`),
  );
  return { contradicts, told };
}
/** Another database than the file has seen: its newest event is gone. */
const cutOff = async () => {
  await database.admin.query('set session_replication_role = replica');
  await database.admin.query(
    `delete from audit_leaves where (tree, position) in (select tree, max(position) from audit_leaves group by tree)`,
  );
  await database.admin.query('set session_replication_role = origin');
};

describe('the file of checkpoints', () => {
  it('agrees with the database it is of, and tells an older one', async () => {
    const file = open();
    for (let index = 0; index < 3; index += 1) file.append(await signOne(index));
    expect(await start()).toEqual({ contradicts: false, told: [] });
    await cutOff();
    expect(await start()).toEqual({
      contradicts: true,
      told: expect.arrayContaining(['organisation truncated 3', 'instance truncated 5']),
    });
  });

  it('with half of a note, as a power failure leaves it, is complained of and stops nothing', async () => {
    const first = open();
    for (let index = 0; index < 2; index += 1) first.append(await signOne(index));
    const { size } = statSync(path);
    for (const cut of [3, 70, 140, 170, 200]) {
      const whole = readFileSync(path);
      truncateSync(path, size - cut);
      expect(await start(), `cut by ${cut}`).toEqual({ contradicts: false, told: [] });
      writeFileSync(path, whole);
    }
    expect(complaints).toContain('parts of the file of checkpoints cannot be read');

    truncateSync(path, size - 170);
    const again = open();
    const signed = await signOne(2);
    again.append(signed);
    // What is written after it is whole again, from the first note on.
    const notes = readCheckpoints(readFileSync(path, 'utf8'));
    expect(notes).toHaveLength(5);
    expect(notes.slice(-2)).toEqual(signed.map(({ note }) => note));
    expect(await start()).toEqual({ contradicts: false, told: [] });
    await cutOff();
    expect(await start()).toMatchObject({ contradicts: true });
  });

  it('with a note of another key, or one that was edited, is reported and stops nothing', async () => {
    open().append(await signOne(0));
    const [own = ''] = readCheckpoints(readFileSync(path, 'utf8'));
    appendFileSync(path, `${own.replace('\n1\n', '\n900\n')}\n`);
    const stranger = 'elsewhere.example/audit/abc/instance';
    const text = checkpointText({ origin: stranger, size: 5, root: Buffer.alloc(32) });
    appendFileSync(path, `${signNote(text, signerOf(stranger, Buffer.alloc(32, 1)))}\n`);
    const { contradicts, told } = await start();
    expect([contradicts, told.sort()]).toEqual([false, ['instance rewritten 5', 'organisation rewritten 900']]);
    await cutOff();
    expect((await start()).contradicts).toBe(true);
  });

  it('keeps a bounded size, and still knows the last of each log', async () => {
    const file = open(4_000);
    await file.contradicts(log.transactions, () => undefined);
    for (let index = 0; index < 30; index += 1) file.append(await signOne(index));
    expect(existsSync(`${path}.before`)).toBe(true);
    expect(statSync(path).size).toBeLessThan(6_000);
    // A restart that signs nothing for the organisation, and puts the file aside meanwhile, does not forget it.
    const restarted = open(1);
    await restarted.contradicts(log.transactions, () => undefined);
    await log.transactions.refused(
      { organisationId: null, actor: { kind: 'anonymous', id: null, label: null }, address: null, requestId: null },
      'session.refused',
      { resource: null },
    );
    for (let time = 0; time < 3; time += 1) restarted.append(await log.sequencer.run({ signNow: true }));
    expect(await start()).toEqual({ contradicts: false, told: [] });
    await cutOff();
    expect((await start()).told).toContain('organisation truncated 30');
  });

  it('that cannot be written to stops nothing', async () => {
    path = join(folder, 'nowhere', 'checkpoints');
    open().append(await signOne(0));
    expect(complaints).toEqual(['checkpoints of the audit log could not be written to their file']);
    expect(await start()).toEqual({ contradicts: false, told: [] });
  });
});
