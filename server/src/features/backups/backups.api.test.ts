import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BackupStatus } from '@valtronics/contract';
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest';
import { anApp, type Person, type TestApp } from '../../../../tests/support/app.ts';
import { expectProblem } from '../../../../tests/support/expect-problem.ts';
import { createTransactions } from '../../security/audit/transactions.ts';
import { endRun, insertRun, type RunKind } from '../../security/backups/backup-run.repository.ts';
import { anIdentity } from '../../security/backups/backups.builders.ts';

let app: TestApp;
let admin: Person;
beforeAll(async () => {
  app = await anApp();
  admin = await app.aPerson('admin');
});
afterAll(() => app?.stop());

const call = (method: string, path = '', person = admin) =>
  app.call(method, `/api/v1/backups${path}`, {
    token: person.accessToken,
    ...(method === 'POST' ? { body: {} } : {}),
  });

const aRun = (
  kind: RunKind,
  backup: string,
  outcome: 'done' | 'failed',
  details: object = {},
  { place, on }: { place: string; on: TestApp } = { place: '/mnt/b', on: app },
) =>
  createTransactions(on.database).unaudited(null, 'backup_runs', async (tx) => {
    const now = new Date();
    const number = await insertRun(tx, { kind, place, backup, scheduled: true, now });
    const fault = outcome === 'failed' ? 'it was altered' : undefined;
    await endRun(tx, number, { outcome, fault, details, now });
  });

it('shows what is kept, what was found out about it, and page by page', async () => {
  const none = (await call('GET')).json;
  expect(none).toEqual({
    items: [],
    nextCursor: null,
    status: {
      ...{ place: null, recipients: 0, next: null, nextDrill: null, everyHours: 24, drillEveryDays: 0 },
      ...{ keep: { daily: 7, weekly: 5, monthly: 12 }, underWay: null, lastFailure: null },
      pointInTime: {
        ...{ off: 'other_database', days: 7, windows: [], lastBase: null, nextBase: null },
        ...{ waitingBytes: 0, stalled: null },
      },
    },
  });
  const details = { manifest: 'x', file: { bytes: 1_000, sha256: 'y' }, rows: 20, recipients: 2, bytes: 5_000 };
  await aRun('create', 'older', 'done', details);
  await aRun('create', 'newer', 'done', details);
  await aRun('verify', 'older', 'done');
  await aRun('verify', 'older', 'failed');
  const checks = [{ check: 'rows', outcome: 'passed', detail: '20 rows in 3 tables' }];
  await aRun('drill', 'older', 'failed', { seconds: 1.5, checks });
  await aRun('drill', 'newer', 'done', { seconds: 2.5, checks });
  await aRun('create', 'never', 'failed');

  const first = (await call('GET', '?limit=1')).json as { items: object[]; nextCursor: string; status: object };
  const at = expect.any(String);
  const kept = { at, place: '/mnt/b', bytes: 1_000, rows: 20, recipients: 2, scheduled: true };
  expect(first.items).toEqual([{ ...kept, name: 'newer', verified: null, drilled: { at, isGood: true, fault: null } }]);
  expect(first.status).toMatchObject({ lastFailure: { fault: 'it was altered' } });
  const second = (await call('GET', `?limit=1&cursor=${first.nextCursor}`)).json;
  const bad = { at, isGood: false, fault: 'it was altered' };
  expect(second).toMatchObject({ items: [{ ...kept, name: 'older', verified: bad, drilled: bad }], nextCursor: null });
  const drills = (await call('GET', '/drills')).json;
  expect(drills).toMatchObject({
    items: [
      { backup: 'newer', seconds: 2.5, isGood: true, checks },
      { backup: 'older', seconds: 1.5, isGood: false, checks },
    ],
    nextCursor: null,
  });
});

it('shows what is kept in the place of now, and what was found out about it there', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'valtronics-backups-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const { recipient } = await anIdentity();
  const other = await anApp({
    env: {
      VALTRONICS_BACKUP_FOLDER: folder,
      VALTRONICS_BACKUP_RECIPIENTS: recipient,
      VALTRONICS_BACKUP_EVERY_HOURS: '0',
    },
  });
  onTestFinished(() => other.stop());
  const file = { bytes: 1_000, sha256: 'y' };
  const details = { manifest: 'x', file, rows: 20, recipients: 2, bytes: 5_000 };
  // The same place, as it is called; the one before; and copies of what lies here.
  const chains = join(folder, 'point-in-time');
  for (const place of [folder, '/mnt/before']) await aRun('create', place, 'done', details, { place, on: other });
  for (const place of [chains, '/mnt/before/point-in-time'])
    await aRun('base', `base of ${place}`, 'done', { file, chain: place, segment: 's' }, { place, on: other });
  await aRun('verify', folder, 'done', {}, { place: folder, on: other });
  await aRun('verify', folder, 'failed', {}, { place: '/mnt/copies', on: other });
  await aRun('verify', `base of ${chains}`, 'done', {}, { place: chains, on: other });
  await aRun('verify', `base of ${chains}`, 'failed', {}, { place: '/mnt/copies/point-in-time', on: other });

  const { items, status } = (
    await other.call('GET', '/api/v1/backups', { token: (await other.aPerson('admin')).accessToken })
  ).json as { items: object[]; status: BackupStatus };
  const good = { at: expect.any(String), isGood: true, fault: null };
  expect(items).toMatchObject([{ name: folder, place: folder, verified: good }]);
  expect(status.pointInTime.windows).toHaveLength(1);
  expect(status.pointInTime.lastBase).toMatchObject({ verified: good });
});

it('none is made where there is no place for one', async () => {
  await expectProblem(await call('POST'), 409, 'conflict');
});

it('is for administrators of the organisation that runs the instance', async () => {
  await expectProblem(await call('GET', '', await app.aPerson('operator')), 403, 'forbidden');
  const other = await app.anotherOrganisation();
  const stranger = await app.aPerson('admin', other);
  for (const [method, path] of [
    ['GET', ''],
    ['GET', '/drills'],
    ['POST', ''],
  ] as const)
    await expectProblem(await call(method, path, stranger), 403, 'forbidden');
});
