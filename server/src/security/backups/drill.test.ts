import { readdirSync } from 'node:fs';
import { expect, test } from 'vitest';
import { systemClock } from '../../lib/clock.ts';
import { BackupError, type BackupProblem } from './backup-error.ts';
import { listMade } from './backup-run.repository.ts';
import { backupToMake, waitingTransactions } from './backups.builders.ts';
import { type DrillOfBackup, drillBackup } from './drill.ts';
import type { DrillCheck } from './drill-checks.ts';
import { makeBackup } from './make-backup.ts';
import { recordedRun } from './recorded-run.ts';

const actor = { kind: 'system', id: 'backups', label: null } as const;
const passed: DrillCheck = { check: 'rows', outcome: 'passed', detail: '7 rows in 1 tables' };

async function aDrill() {
  const { database, making } = await backupToMake();
  const { store, transactions } = making;
  const key = await making.openKey();
  const { name } = await makeBackup(making);
  const drilled = (other: Partial<DrillOfBackup> = {}) =>
    recordedRun(
      { transactions, clock: systemClock },
      { kind: 'drill', place: store.place, backup: name, scheduled: true },
      ({ end }) =>
        drillBackup({
          store,
          name,
          keys: undefined,
          tryOut: async () => [passed],
          key,
          transactions,
          end,
          actor,
          clock: systemClock,
          ...other,
        }),
    );
  const said = async () => (await transactions.readAcross((reader) => listMade(reader, store.place)))[0]?.drilled;
  const runs = async () =>
    (await database.admin.query(`select outcome, fault from backup_runs where kind = 'drill' order by number`)).rows;
  const reports = () => readdirSync(store.place).filter((file) => file.includes('.drill-'));
  return { database, store, name, drilled, said, runs, reports };
}

const failing = (problem: BackupProblem) => ({
  tryOut: () => Promise.reject(new BackupError(problem, `it is ${problem}`)),
});

test('a backup that does not come back since its rows do not fit together has failed its drill, and nobody altered it', async () => {
  const { drilled, said, runs, reports } = await aDrill();
  const { report, damage } = await drilled(failing('inconsistent'));
  expect(report).toMatchObject({
    passed: false,
    checks: [{ check: 'load', outcome: 'failed', detail: 'it is inconsistent' }],
  });
  expect(damage).toBeUndefined();
  expect(await said()).toBe('failed');
  expect(await runs()).toEqual([{ outcome: 'failed', fault: 'it is inconsistent' }]);
  expect(reports()).toHaveLength(1);
});

test('what says nothing about the backup is no finding: it stops the drill, and the backup is what it was', async () => {
  const { name, drilled, said, runs, reports } = await aDrill();
  expect((await drilled()).report.passed).toBe(true);
  for (const problem of ['wrong-key', 'unusable'] as const)
    await expect(drilled(failing(problem))).rejects.toThrow(`it is ${problem}`);
  const away = () =>
    Promise.reject(new BackupError('unusable', 's3://example.org/backups/ cannot be used: ECONNREFUSED'));
  await expect(drilled({ tryOut: away })).rejects.toThrow('ECONNREFUSED');
  expect(reports()).toHaveLength(1);
  expect(await runs()).toEqual([
    { outcome: 'done', fault: null },
    { outcome: 'failed', fault: 'it is wrong-key' },
    { outcome: 'failed', fault: 'it is unusable' },
    { outcome: 'failed', fault: expect.stringContaining('ECONNREFUSED') },
  ]);
  // It stays the one that came back.
  expect(await said()).toBe('done');

  for (const problem of ['damaged', 'stranger'] as const) {
    const { report, damage } = await drilled(failing(problem));
    const checks = [{ check: 'load', outcome: 'failed', detail: `it is ${problem}` }];
    expect(report).toMatchObject({ backup: name, passed: false, checks });
    expect(damage).toBe(problem === 'damaged' ? 'it is damaged' : undefined);
    expect(await said()).toBe('failed');
  }
});

test('its report is kept after it is on record, while no transaction waits; without a place for it the finding stands', async () => {
  const { database, store, drilled, runs } = await aDrill();
  const seen: number[] = [];
  const keepReport = async () => {
    seen.push(await waitingTransactions(database));
    throw new Error('the store is away');
  };
  const { report, unkept } = await drilled({ ...failing('damaged'), store: { ...store, keepReport } });
  expect(seen).toEqual([0]);
  expect([report.passed, unkept]).toEqual([false, new Error('the store is away')]);
  expect(await runs()).toEqual([{ outcome: 'failed', fault: 'it is damaged' }]);
  const events = await database.admin.query(`select details from audit_events where event = 'backup.drilled'`);
  expect(events.rows).toEqual([{ details: report }]);
});
