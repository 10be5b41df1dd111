import { afterAll, beforeAll, expect, it } from 'vitest';
import { anApp, type Person, type TestApp } from '../../../../tests/support/app.ts';
import { expectProblem } from '../../../../tests/support/expect-problem.ts';
import { createTransactions } from '../../security/audit/transactions.ts';
import { endRun, insertRun } from '../../security/backups/backup-run.repository.ts';

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

const aRun = (kind: 'create' | 'verify' | 'drill', backup: string, outcome: 'done' | 'failed', details: object = {}) =>
  createTransactions(app.database).unaudited(null, 'backup_runs', async (tx) => {
    const now = new Date();
    const number = await insertRun(tx, { kind, place: '/mnt/b', backup, scheduled: true, now });
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
