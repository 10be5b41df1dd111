import { renameSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { anApp, type Person, type TestApp } from '../../../../tests/support/app.ts';
import { expectProblem } from '../../../../tests/support/expect-problem.ts';
import { advisoryLocks } from '../../platform/db/advisory-locks.ts';
import { createLeadership } from '../../platform/db/leadership.ts';

let app: TestApp;
let admin: Person;
beforeAll(async () => {
  app = await anApp();
  admin = await app.aPerson('admin');
});
afterAll(() => app?.stop());

const look = async (person = admin) => app.call('GET', '/api/v1/keys', { token: person.accessToken });
const rotate = (resume = false, person = admin) =>
  app.call('POST', '/api/v1/keys/rotation', { token: person.accessToken, body: { resume } });
const eventsOf = async (event: string) =>
  (await app.database.admin.query('select actor_kind, actor_id, details from audit_events where event = $1', [event]))
    .rows;
const storeFile = () => join(app.dataDir, 'keys', 'subjects.db');

it('shows where the root key lies, what each epoch has sealed, and that no key store is missed before it is needed', async () => {
  const { status, json } = await look();
  expect(status).toBe(200);
  expect(json.rootKey).toEqual({
    kind: 'file',
    place: join(app.dataDir, 'root.key'),
    beside: 'data_folder',
    leftBehind: null,
  });
  const at = expect.any(String);
  const epoch = { createdAt: at, retiredAt: null, subjectKeys: 0 };
  expect(json.epochs).toEqual([
    { ...epoch, number: 1, status: 'previous', replacedAt: at, values: 0 },
    { ...epoch, number: 2, status: 'active', replacedAt: null, values: expect.any(Number) },
  ]);
  expect(json.epochs[1].values).toBeGreaterThan(0);
  expect(json.countedAt).toEqual(at);
  expect(json.rotation).toEqual({ state: 'idle', done: 0, total: 0, unreadable: 0 });
  expect(json.keyStore).toEqual({ state: 'none', place: storeFile(), keys: 0, destroyed: 0, copies: null });
});

it('a rotation takes a fresh proof, is on record with who asked for it, and is seen to its end', async () => {
  await app.database.admin.query(
    `update sessions set verified_at = verified_at - interval '1 hour' where user_id = $1`,
    [admin.userId],
  );
  await expectProblem(await rotate(), 401, 'step_up_required');
  await app.freshProof(admin);
  const begun = await rotate();
  expect(begun.status).toBe(200);
  expect(begun.json.state).toMatch(/^(running|done)$/);
  const { json } = await vi.waitFor(
    async () => {
      const answer = await look();
      expect(answer.json.epochs.at(-1)).toMatchObject({
        number: 3,
        status: 'active',
        values: answer.json.rotation.total,
      });
      expect(answer.json.rotation.state).toBe('done');
      return answer;
    },
    { timeout: 20_000, interval: 100 },
  );
  expect(json.epochs[1]).toMatchObject({ number: 2, status: 'previous', values: 0 });
  expect(json.rotation).toMatchObject({ unreadable: 0, done: json.rotation.total });
  const who = { actor_kind: 'user', actor_id: admin.userId };
  expect(await eventsOf('key_rotation.requested')).toEqual([{ ...who, details: { resume: false } }]);
  expect(await eventsOf('key_epoch.created')).toContainEqual({ ...who, details: { made: true } });

  // Gone on with, it makes no other.
  expect((await rotate(true)).status).toBe(200);
  expect((await look()).json.epochs).toHaveLength(3);
});

it('while another process is at it this is said, and none is begun here', async () => {
  const other = createLeadership(app.database.connection('maintenance'), advisoryLocks.keyRotation);
  await vi.waitFor(async () => expect(await other.hold()).toBe(true));
  await app.freshProof(admin);
  const { rotation, epochs } = (await look()).json;
  expect(rotation).toEqual({ state: 'elsewhere', done: epochs[2].values, total: epochs[2].values, unreadable: 0 });
  for (const resume of [false, true]) await expectProblem(await rotate(resume), 409, 'conflict');
  await other.release();
  expect((await look()).json.rotation.state).toBe('done');
  expect((await look()).json.epochs).toHaveLength(3);
});

it('accounts are made while a rotation is under way', async () => {
  const other = createLeadership(app.database.connection('maintenance'), advisoryLocks.keyRotation);
  await vi.waitFor(async () => expect(await other.hold()).toBe(true));
  const client = await app.database.inner.connect();
  try {
    await client.query(`begin; set local lock_timeout = '2s'`);
    const asked = await client.query('select taken from is_login_taken($1)', [[Buffer.alloc(32)]]);
    expect(asked.rows).toEqual([{ taken: false }]);
  } finally {
    await client.query('rollback');
    client.release();
    await other.release();
  }
});

it('counts keys of persons and the destroyed; says when the store is missing', async () => {
  const body = (reference: string) => ({ token: admin.accessToken, body: { reference } });
  await app.call('POST', '/api/v1/subjects', body('MRN-1'));
  const gone = (await app.call('POST', '/api/v1/subjects', body('MRN-2'))).json.id;
  await app.freshProof(admin);
  expect((await app.call('DELETE', `/api/v1/subjects/${gone}`, { token: admin.accessToken })).status).toBe(204);
  await app.freshProof(admin);
  // Begun anew, so it is counted anew.
  await rotate();
  await vi.waitFor(
    async () =>
      expect((await look()).json).toMatchObject({
        rotation: { state: 'done' },
        keyStore: { state: 'present', keys: 2, destroyed: 1 },
      }),
    { timeout: 20_000, interval: 100 },
  );
  expect((await look()).json.epochs.map(({ subjectKeys }: { subjectKeys: number }) => subjectKeys)).toEqual([
    0, 0, 1, 1,
  ]);

  renameSync(storeFile(), `${storeFile()}.away`);
  expect((await look()).json.keyStore).toEqual({
    state: 'missing',
    place: storeFile(),
    keys: null,
    destroyed: null,
    copies: null,
  });
  renameSync(`${storeFile()}.away`, storeFile());
  expect((await look()).json.keyStore.state).toBe('present');
});

it('is for administrators of the organisation that runs the instance', async () => {
  const stranger = await app.aPerson('admin', await app.anotherOrganisation());
  const operator = await app.aPerson('operator');
  for (const person of [stranger, operator]) {
    await app.freshProof(person);
    await expectProblem(await look(person), 403, 'forbidden');
    await expectProblem(await rotate(false, person), 403, 'forbidden');
  }
  expect(await eventsOf('key_rotation.requested')).toHaveLength(3);
});
