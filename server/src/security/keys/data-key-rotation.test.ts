import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { aDatabase, type TestDatabase } from '../../../../tests/support/database.ts';
import { newId } from '../../lib/ids.ts';
import { advisoryLocks } from '../../platform/db/advisory-locks.ts';
import { createLeadership } from '../../platform/db/leadership.ts';
import { createDataKeyRotation } from './data-key-rotation.ts';
import { aClock, aKeyStoreFile, anOrganisation, aRootKey, aServerOfKeys } from './keys.builders.ts';
import { createResealing, type Resealing } from './resealing.ts';
import { KeyStoreError } from './subject-key.repository.ts';

const actor = { kind: 'cli', id: 'cli:0', label: null } as const;
const quiet = { error() {} };
let database: TestDatabase;
let server: Awaited<ReturnType<typeof aServerOfKeys>>;
let organisation: number;
let clock: ReturnType<typeof aClock>;
const place = (row: string) => ({ organisation, table: 'notification_channels', column: 'secret_sealed', row });

beforeEach(async () => {
  database = await aDatabase();
  clock = aClock();
  server = await aServerOfKeys(database, { rootKey: aRootKey(), clock, file: aKeyStoreFile() });
  organisation = await anOrganisation(database);
});
afterEach(async () => {
  server?.subjectKeys.close();
  await database?.drop();
});

const aRotation = (resealing: Resealing = createResealing(server), existing = async () => server.subjectKeys) =>
  createDataKeyRotation({
    ...server,
    resealing,
    keyStores: { existing },
    leadership: createLeadership(database.connection('maintenance'), advisoryLocks.keyRotation),
    log: quiet,
  });

async function aValue(seal: (row: string) => Buffer | Promise<Buffer>): Promise<string> {
  const id = newId();
  await database.admin.query(
    `insert into notification_channels (id, organisation_id, name, kind, target, minimum_severity, secret_sealed, created_at)
     values ($1, $2, 'Hook', 'webhook', 'https://hook.example.org', 'info', $3, now())`,
    [id, organisation, await seal(id)],
  );
  return id;
}
const read = async (id: string): Promise<Buffer> =>
  (await database.admin.query('select secret_sealed from notification_channels where id = $1', [id])).rows[0]
    .secret_sealed;

async function over(rotation: ReturnType<typeof aRotation>) {
  while (rotation.progress().state === 'running') await delay(5);
  return rotation.progress();
}
const valuesOf = async (rotation: ReturnType<typeof aRotation>) =>
  (await rotation.status()).map(({ epoch, status, values }) => [epoch, status, values]);

/** Resealing that waits where it is told to. */
function held(): { resealing: Resealing; go(): void } {
  const { promise, resolve } = Promise.withResolvers<void>();
  const resealing = createResealing(server);
  return {
    resealing: {
      ...resealing,
      async run(options) {
        await promise;
        options?.signal?.throwIfAborted();
        return resealing.run(options);
      },
    },
    go: resolve,
  };
}

test('a rotation makes the next epoch, and seals again whatever is under others', async () => {
  const rotation = aRotation();
  const old = await aValue((row) => server.keyRing.seal('old', place(row)));
  const newer = await aValue((row) => server.dataKeys.seal('newer', place(row)));
  expect(await valuesOf(rotation)).toEqual([
    [1, 'previous', 1],
    [2, 'active', 1],
  ]);
  await rotation.begin(actor, { resume: false });
  expect(await over(rotation)).toEqual({ state: 'done', done: 2, total: 2, unreadable: 0 });
  expect(await valuesOf(rotation)).toEqual([
    [1, 'previous', 0],
    [2, 'previous', 0],
    [3, 'active', 2],
  ]);
  for (const [id, text] of [
    [old, 'old'],
    [newer, 'newer'],
  ] as const)
    expect((await server.dataKeys.open(await read(id), place(id))).toString()).toBe(text);
});

describe('one that was interrupted', () => {
  test('is gone on with, without another epoch', async () => {
    const first = held();
    const killed = aRotation(first.resealing);
    await aValue((row) => server.keyRing.seal('old', place(row)));
    await server.dataKeys.seal('x', place('y'));
    await killed.begin(actor, { resume: false });
    const stopped = killed.stop();
    first.go();
    await stopped;
    expect(killed.progress().state).toBe('failed');
    const again = aRotation();
    await again.begin(actor, { resume: true });
    expect((await over(again)).state).toBe('done');
    expect(await valuesOf(again)).toEqual([
      [1, 'previous', 0],
      [2, 'previous', 0],
      [3, 'active', 1],
    ]);
  });

  test('while it is under way a second is refused, and one that resumes follows it', async () => {
    const { resealing, go } = held();
    const rotation = aRotation(resealing);
    await server.dataKeys.seal('x', place('y'));
    await rotation.begin(actor, { resume: false });
    await expect(rotation.begin(actor, { resume: false })).rejects.toMatchObject({ code: 'conflict' });
    await rotation.begin(actor, { resume: true });
    go();
    expect((await over(rotation)).state).toBe('done');
    expect((await rotation.status()).map(({ epoch }) => epoch)).toEqual([1, 2, 3]);
  });

  test('two that are asked for at once, here or of another process, make one epoch and one rotation', async () => {
    const { resealing, go } = held();
    const [here, elsewhere] = [aRotation(resealing), aRotation()];
    await server.dataKeys.seal('x', place('y'));
    const asked = await Promise.allSettled([
      here.begin(actor, { resume: false }),
      here.begin(actor, { resume: false }),
      here.begin(actor, { resume: true }),
    ]);
    expect(asked.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    for (const resume of [false, true])
      await expect(elsewhere.begin(actor, { resume })).rejects.toMatchObject({
        code: 'conflict',
        detail: expect.stringContaining('Another process'),
      });
    expect((await here.status()).map(({ epoch }) => epoch)).toEqual([1, 2, 3]);
    go();
    await over(here);
    await here.stop();
    await elsewhere.begin(actor, { resume: false });
    expect((await over(elsewhere)).state).toBe('done');
    expect((await here.status()).map(({ epoch }) => epoch)).toEqual([1, 2, 3, 4]);
  });
});

describe('retiring an epoch', () => {
  const rotated = async (rotation = aRotation()) => {
    await rotation.begin(actor, { resume: false });
    await over(rotation);
    clock.pass(120);
    return rotation;
  };

  test('is refused while a value is under it, and says so', async () => {
    const id = await aValue((row) => server.dataKeys.seal('strange', place(`${row} elsewhere`)));
    const rotation = await rotated();
    expect(rotation.progress()).toMatchObject({ state: 'done', unreadable: 1 });
    await expect(rotation.retire(actor, 2)).rejects.toMatchObject({ detail: expect.stringContaining('still sealed') });
    await database.admin.query('delete from notification_channels where id = $1', [id]);
    await rotation.retire(actor, 2);
    expect((await valuesOf(rotation))[1]).toEqual([2, 'retired', 0]);
  });

  test('refuses what comes back from a backup, and takes its keys out of the key store as well', async () => {
    const backup = await server.dataKeys.seal('hers', place('a'), 'ada');
    const rotation = await rotated();
    await server.dataKeys.seal('hers', place('a'), 'ada');
    expect([...(await server.subjectKeys.countByEpoch())]).toEqual([
      [2, 1],
      [3, 1],
    ]);
    await rotation.retire(actor, 2);
    expect([...(await server.subjectKeys.countByEpoch())]).toEqual([[3, 1]]);
    await expect(server.dataKeys.open(backup, place('a'), 'ada')).rejects.toMatchObject({ problem: 'retired-epoch' });
  });

  test('that was killed before the key store was cleared is ended by the next', async () => {
    await server.dataKeys.seal('hers', place('a'), 'ada');
    const rotation = await rotated();
    await server.epochs.retire(actor, 2, async () => false);
    expect((await server.subjectKeys.countByEpoch()).get(2)).toBe(1);
    await expect(rotation.retire(actor, 2)).rejects.toMatchObject({
      detail: expect.stringContaining('retired already'),
    });
    expect((await server.subjectKeys.countByEpoch()).get(2)).toBeUndefined();
  });

  test('with the key store missing retires nothing', async () => {
    await server.dataKeys.seal('x', place('y'));
    const rotation = await rotated(
      aRotation(undefined, () => Promise.reject(new KeyStoreError('the key store is missing'))),
    );
    await expect(rotation.retire(actor, 2)).rejects.toMatchObject({
      code: 'conflict',
      detail: 'the key store is missing',
    });
    expect((await valuesOf(rotation))[1]?.[1]).toBe('previous');
  });
});
