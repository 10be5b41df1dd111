import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { dataKeysOn } from '../../../../tests/support/data-keys.ts';
import { aDatabase, type TestDatabase } from '../../../../tests/support/database.ts';
import { heardEvents } from '../../../../tests/support/security-events.ts';
import { systemClock } from '../../lib/clock.ts';
import { openCheckpoint } from '../../lib/transparency/checkpoint.ts';
import { readCheckpoints } from '../../lib/transparency/checkpoint-list.ts';
import { createLogger } from '../../platform/log/log.ts';
import type { DataKeys } from '../keys/data-keys.ts';
import { aTestLog, auditTables, type TestLog } from './audit.builders.ts';
import { openAuditProofs } from './audit-proofs.ts';

// What a server itself notices: against a file of checkpoints at its start, and every ten minutes against what it has stored.

const EVENTS = 20;

let dataKeys: DataKeys;
let database: TestDatabase;
let log: TestLog;
let folder: string;
beforeEach(async () => {
  database = await aDatabase();
  dataKeys = await dataKeysOn(database);
  log = await aTestLog(database, dataKeys);
  folder = mkdtempSync(join(tmpdir(), 'valtronics-checkpoints-'));
});
afterEach(async () => {
  rmSync(folder, { recursive: true, force: true });
  await database?.drop();
});

/** As a server that starts; with the file of its setting or without one. */
async function aStart(checkpointFile?: string, transactions = log.transactions) {
  const { reports, door } = heardEvents();
  const lines: string[] = [];
  const proofs = await openAuditProofs({
    transactions,
    dataKeys,
    events: door.events,
    host: 'localhost:8000',
    retentionDays: 400,
    checkpointFile,
    log: createLogger({ level: 'error', clock: systemClock, write: (line) => void lines.push(line) }),
  });
  return {
    signNow: proofs.signNow,
    jobs: proofs.jobs,
    lines,
    heard: (action: string) => reports.filter((report) => report.action === action),
    selfCheck: async () => {
      const job = proofs.jobs.find(({ name }) => name === 'audit.self_check');
      if (!job) throw new Error('nothing checks itself');
      await job.run(new AbortController().signal);
    },
  };
}

it('looks for what has no place twice a second, and one look gives it its place, however soon after the last checkpoint', async () => {
  const { jobs, signNow } = await aStart();
  await signNow();
  const sequence = jobs.find(({ name }) => name === 'audit.sequence');
  // With what one look takes it is within the second that is promised.
  expect(sequence?.everySeconds).toBeLessThanOrEqual(0.5);
  await log.appendMany(EVENTS);
  const waiting = async () => (await database.admin.query('select 1 from audit_pending')).rows.length;
  expect(await waiting()).toBe(EVENTS);
  await sequence?.run(new AbortController().signal);
  expect(await waiting()).toBe(0);
});

it('a stop waits for a run that hangs, but not for ever', async () => {
  const { signNow } = await aStart(undefined, {
    ...log.transactions,
    unaudited: (organisationId, reason, work) =>
      reason === 'audit_sequence'
        ? new Promise(() => undefined)
        : log.transactions.unaudited(organisationId, reason, work),
  });
  await expect(signNow()).rejects.toThrow('nothing was signed within 8 s');
}, 20_000);

/** As the owner, with every trigger off. */
async function tamper(...statements: string[]): Promise<void> {
  await database.admin.query('set session_replication_role = replica');
  for (const statement of statements) await database.admin.query(statement);
  await database.admin.query('set session_replication_role = origin');
}

const keepAs = (name: string) =>
  tamper(...auditTables.map((table) => `create table ${name}_${table} as select * from ${table}`));
const putBack = (name: string) =>
  tamper(
    ...auditTables.toReversed().map((table) => `delete from ${table}`),
    ...auditTables.map((table) => `insert into ${table} overriding system value select * from ${name}_${table}`),
  );
const count = async (table: string): Promise<number> =>
  (await database.admin.query(`select count(*)::int as n from ${table}`)).rows[0].n;
const checkpointsIn = (file: string) =>
  readCheckpoints(readFileSync(file, 'utf8')).map((note) => openCheckpoint(note, [log.key.verifier]));
const origin = (): string => checkpointsIn(join(folder, 'checkpoints'))[0]?.origin ?? '';

describe('a file of checkpoints on other storage', () => {
  it('holds every checkpoint, of each log, and is for nobody else to read', async () => {
    const file = join(folder, 'checkpoints');
    const server = await aStart(file);
    await log.appendMany(EVENTS);
    await server.signNow();
    await log.append(100);
    await server.signNow();
    const kept = checkpointsIn(file);
    expect(kept.map(({ origin: of, size }) => [of.endsWith('/instance'), size])).toEqual([
      [false, EVENTS],
      [true, 3],
      [false, EVENTS + 1],
      [true, 4],
    ]);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    // The same that a SIEM is told.
    expect(server.heard('audit.checkpoint').map(({ details }) => details?.note)).toEqual(kept.map(({ note }) => note));
    // A start that finds all of it goes on.
    const again = await aStart(file);
    await log.append(101);
    await again.signNow();
    expect(checkpointsIn(file)).toHaveLength(6);
    expect(again.heard('audit.tampered')).toEqual([]);
  });

  it('an older backup is noticed at the start: nothing is signed until what was there is back, and events wait', async () => {
    const file = join(folder, 'checkpoints');
    const server = await aStart(file);
    await log.appendMany(EVENTS);
    await server.signNow();
    await keepAs('older');
    await log.appendMany(5);
    await server.signNow();
    await keepAs('newer');
    await putBack('older');

    const restarted = await aStart(file);
    await log.append(200);
    const before = await count('audit_checkpoints');
    await restarted.signNow();
    await restarted.signNow();
    expect(await count('audit_checkpoints')).toBe(before);
    expect(await count('audit_pending')).toBe(1);
    expect(checkpointsIn(file)).toHaveLength(4);
    const said = restarted.heard('audit.tampered');
    expect(said.find(({ details }) => details?.origin === origin())).toMatchObject({
      outcome: 'failure',
      reason: 'truncated',
      details: { kind: 'truncated', position: EVENTS, before: EVENTS + 5 },
    });
    // Both logs are older; each is told of once.
    expect(said).toHaveLength(2);
    expect(restarted.lines.filter((line) => line.includes('not what was signed'))).toHaveLength(2);
    // Without the file nobody could tell.
    expect((await log.verify()).flatMap(({ findings }) => findings)).toEqual([]);

    await putBack('newer');
    const mended = await aStart(file);
    await log.append(201);
    await mended.signNow();
    expect(mended.heard('audit.tampered')).toEqual([]);
    expect(await count('audit_pending')).toBe(0);
    expect(checkpointsIn(file)).toHaveLength(6);
  });

  it('another history of the same length is noticed too', async () => {
    const file = join(folder, 'checkpoints');
    await keepAs('empty');
    await log.appendMany(EVENTS);
    await (await aStart(file)).signNow();
    await putBack('empty');
    await log.appendMany(EVENTS);
    // As a server would that knows of no file.
    await (await aStart()).signNow();
    const restarted = await aStart(file);
    await restarted.signNow();
    expect(restarted.heard('audit.tampered').find(({ details }) => details?.origin === origin())).toMatchObject({
      reason: 'rewritten',
      details: { kind: 'rewritten', before: EVENTS },
    });
    expect(restarted.heard('audit.checkpoint')).toEqual([]);
  });

  it('that cannot be written to stops nothing, and is complained of', async () => {
    const server = await aStart(join(folder, 'not/there/checkpoints'));
    await log.appendMany(1);
    await server.signNow();
    expect(server.heard('audit.checkpoint')).toHaveLength(2);
    expect(server.lines.join('')).toContain('could not be written to their file');
  });
});

describe('the check that a server makes of itself', () => {
  beforeEach(async () => {
    await log.appendMany(EVENTS);
    await log.sign();
  });
  const event = `(select l.event_id from audit_leaves l join audit_trees t on t.id = l.tree where t.organisation_id is not null and l.position = 7)`;

  it('says nothing of a log nobody touched, nor of what still waits', async () => {
    await log.append(50);
    const server = await aStart();
    await server.selfCheck();
    expect(server.heard('audit.tampered')).toEqual([]);
    expect(server.lines).toEqual([]);
  });

  it.each([
    [
      'an event that is shown otherwise',
      `update audit_events set event = 'session.created' where id = ${event}`,
      'row_edited',
      7,
    ],
    ['an event that is gone', `delete from audit_events where id = ${event}`, 'row_missing', 7],
    [
      'an event put in past the log',
      `insert into audit_events (id, organisation_id, event, outcome, actor_kind) select gen_random_uuid(), organisation_id, event, outcome, actor_kind from audit_events where id = ${event}`,
      'row_inserted',
      null,
    ],
    [
      'a leaf that was altered',
      `update audit_leaves set entry = replace(entry, '"failure"', '"success"') where event_id = ${event}`,
      'edited',
      7,
    ],
  ])('%s becomes a security event that names where', async (_, sql, kind, position) => {
    await tamper(sql);
    const server = await aStart();
    await server.selfCheck();
    const said = server.heard('audit.tampered');
    expect(said.map(({ reason }) => reason)).toContain(kind);
    expect(said.find(({ reason }) => reason === kind)).toMatchObject({
      outcome: 'failure',
      transport: 'system',
      details: { kind, position, origin: expect.stringMatching(/\/audit\//) },
    });
    expect(server.lines.join('')).toContain('not what was signed');
  });

  it('a head that was exchanged is noticed, though every event fits its leaf', async () => {
    await tamper(
      `update audit_checkpoints c set note = o.note from audit_checkpoints o, audit_trees t
       where t.id = c.tree and t.organisation_id is not null and o.tree <> c.tree and c.size = ${EVENTS}`,
    );
    const server = await aStart();
    await server.selfCheck();
    expect(server.heard('audit.tampered').map(({ reason }) => reason)).toEqual(['rewritten']);
  });
});
