import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { aDatabase, type TestDatabase } from '../../../../tests/support/database.ts';
import { manualClock } from '../../lib/clock.ts';
import { createLeadership } from '../../platform/db/leadership.ts';
import { createTransactions } from '../../security/audit/transactions.ts';
import { endRun, insertRun, type RunKind } from '../../security/backups/backup-run.repository.ts';
import type { SecurityReport } from '../../security/events/security-event.ts';
import { type BackupCommand, type BackupSettings, createBackupSchedule } from './backup.schedule.ts';

// When the server makes and tries out backups: a real database and its locks, a clock that is moved, and children that only note that they ran.

const HOUR = 3_600_000;
const quiet = { debug() {}, info() {}, warn() {}, error() {}, fatal() {}, trace() {} } as never;
let database: TestDatabase;
beforeAll(async () => {
  database = await aDatabase();
});
afterAll(() => database?.drop());
beforeEach(() => database.admin.query('truncate backup_runs'));

function aServer(clock = manualClock(new Date('2026-03-02T12:00:00Z')), settings: Partial<BackupSettings> = {}) {
  const transactions = createTransactions(database);
  const ran: BackupCommand[] = [];
  const heard: SecurityReport[] = [];
  const gauges = new Map<string, () => number>();
  const outcome = { isDone: true, isRecorded: true };
  const chain = { now: undefined as string | undefined };
  const run = async (command: BackupCommand) => {
    ran.push(command);
    if (command === 'base') await aBase(clock.date());
    else if (command !== 'prune' && outcome.isRecorded)
      await aRun(command, outcome.isDone ? 'done' : 'failed', clock.date());
    return { isDone: outcome.isDone, complaint: 'the disk is full' };
  };
  const aRun = (kind: RunKind, result: 'done' | 'failed' | null, now: Date) =>
    transactions.unaudited(null, 'backup_runs', async (tx) => {
      const number = await insertRun(tx, { kind, place: '/mnt/b', backup: 'one', scheduled: true, now });
      if (result) await endRun(tx, number, { outcome: result, now });
    });
  const aBase = (now: Date) =>
    transactions.unaudited(null, 'backup_runs', async (tx) => {
      const number = await insertRun(tx, { kind: 'base', place: '/mnt/b', backup: 'base', scheduled: true, now });
      await endRun(tx, number, { outcome: 'done', details: { chain: chain.now }, now });
    });
  const schedule = createBackupSchedule({
    settings: { place: '/mnt/b', everyHours: 24, drillEveryDays: 0, baseEveryDays: 0, ...settings },
    transactions,
    leadership: createLeadership(database.connection('maintenance'), 7_126_004),
    events: {
      report: (report: SecurityReport) => void heard.push(report),
      put: () => undefined,
      stop: async () => undefined,
    } as never,
    run,
    chain: () => chain.now,
    metrics: { watch: (what, read) => void gauges.set(what, read) },
    clock,
    log: quiet,
  });
  return {
    clock,
    ran,
    chain,
    heard,
    outcome,
    gauges,
    aRun,
    schedule,
    look: () => schedule.job.run(new AbortController().signal),
    async after(hours: number) {
      clock.advance(hours * HOUR);
      ran.length = 0;
      await schedule.job.run(new AbortController().signal);
      return [...ran];
    },
  };
}

describe('a schedule', () => {
  test('begins with a backup, then one every 24 hours, and throws away after each', async () => {
    const server = aServer();
    expect(await server.after(0)).toEqual(['create', 'prune']);
    expect(await server.after(0)).toEqual([]);
    expect(await server.after(23.9)).toEqual([]);
    expect(await server.after(0.2)).toEqual(['create', 'prune']);
    await server.schedule.stop();
  });

  test('makes up once for what was missed while no server ran', async () => {
    const clock = manualClock(new Date('2026-03-02T12:00:00Z'));
    const before = aServer(clock);
    await before.look();
    await before.schedule.stop();
    clock.advance(100 * HOUR);
    const after = aServer(clock);
    expect(await after.after(0)).toEqual(['create', 'prune']);
    expect(await after.after(0)).toEqual([]);
    await after.schedule.stop();
  });

  test('of two servers is one’s at a time, and the other’s when that one is gone', async () => {
    const clock = manualClock(new Date('2026-03-02T12:00:00Z'));
    const [first, second] = [aServer(clock), aServer(clock)];
    await first.look();
    expect(await second.after(25)).toEqual([]);
    await first.schedule.stop();
    expect(await second.after(0)).toEqual(['create', 'prune']);
    await second.schedule.stop();
  });

  test('after a failure tells it, throws nothing away, and tries again an hour later', async () => {
    const server = aServer();
    server.outcome.isDone = false;
    expect(await server.after(0)).toEqual(['create']);
    expect(server.heard).toMatchObject([
      { action: 'backup.failed', reason: 'create', details: { complaint: 'the disk is full' } },
    ]);
    expect(await server.after(0.9)).toEqual([]);
    server.outcome.isDone = true;
    expect(await server.after(0.2)).toEqual(['create', 'prune']);
    await server.schedule.stop();
  });

  test('after a failure of a child that got to no database, tries again an hour later all the same', async () => {
    const server = aServer(undefined, { drillEveryDays: 7 });
    Object.assign(server.outcome, { isDone: false, isRecorded: false });
    expect(await server.after(0)).toEqual(['create']);
    expect(await server.after(0)).toEqual([]);
    expect(await server.after(0.9)).toEqual([]);
    expect(await server.after(0.2)).toEqual(['create']);
    Object.assign(server.outcome, { isDone: true, isRecorded: true });
    expect(await server.after(1.1)).toEqual(['create', 'prune']);
    Object.assign(server.outcome, { isDone: false, isRecorded: false });
    expect(await server.after(0)).toEqual(['drill']);
    expect(await server.after(23)).toEqual([]);
    expect(server.heard).toHaveLength(3);
    await server.schedule.stop();
  });

  test('waits for one that is under way, and goes on when nobody is at it any more', async () => {
    const server = aServer();
    await server.aRun('create', null, server.clock.date());
    expect(await server.after(0.02)).toEqual([]);
    // Left two minutes and an hour ago.
    expect(await server.after(1.1)).toEqual(['create', 'prune']);
    await server.schedule.stop();
  });

  test('tells once a day that a backup is overdue, and shows it', async () => {
    const server = aServer();
    await server.look();
    server.outcome.isDone = false;
    await server.after(30);
    expect(server.heard.filter(({ action }) => action === 'backup.overdue')).toEqual([]);
    expect(server.gauges.get('backupsOverdue')?.()).toBe(0);
    for (let hour = 0; hour < 40; hour += 1) await server.after(1);
    const overdue = server.heard.filter(({ action }) => action === 'backup.overdue');
    expect(overdue).toMatchObject([{ reason: 'create', details: { place: '/mnt/b' } }, { reason: 'create' }]);
    expect(server.gauges.get('backupsOverdue')?.()).toBe(1);
    expect(server.gauges.get('backupAgeSeconds')?.()).toBe(70 * 3_600);
    await server.schedule.stop();
  });

  test('of a clock that is put back makes one and goes on from there; of one put ahead makes one', async () => {
    const server = aServer();
    await server.look();
    expect(await server.after(-48)).toEqual(['create', 'prune']);
    expect(await server.after(0)).toEqual([]);
    expect(await server.after(23.9)).toEqual([]);
    expect(await server.after(0.2)).toEqual(['create', 'prune']);
    expect(await server.after(24 * 365)).toEqual(['create', 'prune']);
    expect(await server.after(1)).toEqual([]);
    await server.schedule.stop();
  });

  test('tries the newest out once there is one, then every week; after a failed one a day later', async () => {
    const server = aServer(undefined, { drillEveryDays: 7 });
    expect(await server.after(0)).toEqual(['create', 'prune']);
    expect(await server.after(0)).toEqual(['drill']);
    expect(await server.after(0)).toEqual([]);
    await server.aRun('create', 'done', new Date(server.clock.now() + 7 * 24 * HOUR));
    const late = aServer(server.clock, { drillEveryDays: 7, everyHours: 0 });
    await server.schedule.stop();
    expect(await late.after(7 * 24 - 1)).toEqual([]);
    late.outcome.isDone = false;
    expect(await late.after(2)).toEqual(['drill']);
    expect(await late.after(23)).toEqual([]);
    expect(await late.after(2)).toEqual(['drill']);
    await late.schedule.stop();
  });

  test('tells that nothing was ever tried out, though there is a newer backup every day', async () => {
    const server = aServer(undefined, { drillEveryDays: 7 });
    await server.look();
    for (let day = 0; day < 12; day += 1) {
      await server.aRun('create', 'done', server.clock.date());
      server.outcome.isDone = false;
      await server.after(24);
      server.outcome.isDone = true;
    }
    const overdue = server.heard.filter(({ action }) => action === 'backup.overdue');
    // Half as late again as seven days, and an hour: on the eleventh and the twelfth.
    expect(overdue).toMatchObject([{ reason: 'drill' }, { reason: 'drill' }]);
    expect(server.gauges.get('backupsOverdue')?.()).toBe(1);
    await server.schedule.stop();
  });

  test('makes a base once the log is sent somewhere, then every week, and at once where the log was interrupted', async () => {
    const server = aServer(undefined, { everyHours: 0, baseEveryDays: 7 });
    expect(await server.after(1)).toEqual([]);
    server.chain.now = 'a';
    expect(await server.after(0)).toEqual(['base', 'prune']);
    expect(await server.after(7 * 24 - 1)).toEqual([]);
    expect(await server.after(2)).toEqual(['base', 'prune']);
    server.chain.now = 'b';
    expect(await server.after(0)).toEqual(['base', 'prune']);
    expect(await server.after(1)).toEqual([]);
    await server.schedule.stop();
  });

  test('without a place or an interval there is none', async () => {
    for (const settings of [{ place: undefined }, { everyHours: 0 }]) {
      const server = aServer(undefined, settings);
      expect(await server.after(100)).toEqual([]);
      await server.schedule.stop();
    }
  });

  test('one that is asked for is made at once, and not beside another', async () => {
    const server = aServer(undefined, { everyHours: 0 });
    expect(server.schedule.makeNow()).toBe(true);
    expect(server.schedule.makeNow()).toBe(false);
    await server.schedule.stop();
    expect(server.ran).toEqual(['create', 'prune']);
    expect(server.schedule.makeNow()).toBe(false);
  });
});
