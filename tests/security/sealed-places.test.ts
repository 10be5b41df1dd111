import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest';
import { secretPlace } from '../../server/src/features/alerts/notification-channel.service.ts';
import { targetPlace } from '../../server/src/features/alerts/notification-target.ts';
import { serialPlace } from '../../server/src/features/devices/device-records.ts';
import { passkeyPlace, totpPlace } from '../../server/src/features/identity/factor-proofs.ts';
import { identityPlace } from '../../server/src/features/sign-in-providers/linked-identities.ts';
import { clientSecretPlace } from '../../server/src/features/sign-in-providers/provider.ts';
import { eventually } from '../../server/src/features/telemetry/telemetry.builders.ts';
import { manualClock } from '../../server/src/lib/clock.ts';
import { createKeyRing } from '../../server/src/security/crypto/key-ring.ts';
import type { Place } from '../../server/src/security/crypto/sealed-value.ts';
import { placeOf, type SealedColumn, sealedColumns } from '../../server/src/security/keys/sealed-columns.ts';
import { siemPlace } from '../../server/src/security/siem/destination.ts';
import { anApp } from '../support/app.ts';
import { dataKeysOf, rootKeyOf } from '../support/data-keys.ts';
import { aDatabase } from '../support/database.ts';
import { aFactorTest, cookieOf, type FactorTest } from '../support/second-factors.ts';

// A rotation opens each value in the place the list of sealed columns tells, and seals it for that place. Were it another one than that of the code
// which reads the value, the value would be lost. So the list is held against what a running platform sealed, and against the places themselves.

const clock = manualClock(Math.ceil(Date.now() / 30_000) * 30_000);
let test: FactorTest;
beforeAll(async () => {
  test = await aFactorTest(clock);
});
afterAll(async () => {
  await test?.app.stop();
  test?.mail.close();
});

/** Written out a second time on purpose. */
function keyTextOf({ key, keyType, thenKey }: SealedColumn): string {
  const first = keyType === 'bytea' ? `encode(${key}, 'hex')` : `${key}::text`;
  if (thenKey === undefined) return first;
  const second =
    thenKey.type === 'time'
      ? `(extract(epoch from ${thenKey.column}) * 1000000)::bigint::text`
      : `${thenKey.column}::text`;
  return `${first} || '/' || ${second}`;
}

/** Every sealed value there is, with the place the list tells. */
async function sealedValues() {
  const found: { name: string; column: SealedColumn; key: string; place: Place; sealed: Buffer }[] = [];
  for (const column of sealedColumns) {
    const { table, column: name, besideKey, owner } = column;
    const rows = await test.app.database.admin.query(
      `select ${keyTextOf(column)} as key, ${besideKey ?? 'null'} as beside,
         ${owner === 'organisation' ? 'organisation_id' : 'null'} as organisation, ${name} as sealed from ${table} where ${name} is not null`,
    );
    for (const row of rows.rows)
      found.push({ name: `${table}.${name}`, column, key: row.key, place: placeOf(column, row), sealed: row.sealed });
  }
  return found;
}

const columnOf = (table: string, column: string) => {
  const found = sealedColumns.find((one) => one.table === table && one.column === column);
  if (found === undefined) throw new Error(`${table}.${column} is not in the list`);
  return found;
};

it('whatever a running platform sealed opens in the place the list tells', async () => {
  const { app } = test;
  const { person } = await test.somebodyWithTotp('admin');
  await app.freshProof(person);
  await test.enrolPasskey({ token: person.accessToken });
  await test.post('/auth/factors/totp/begin', {}, { token: person.accessToken });
  const monitor = await app.aDevice(await app.aPerson('operator'), { health: true });
  const measured = { points: [{ metric: 'pulse', value: 61, timestamp: new Date(clock.now()).toISOString() }] };
  await app.call('POST', '/api/v1/telemetry', { token: monitor.token, body: measured });
  await eventually(
    async () => (await app.database.admin.query('select 1 from rollups_1h where sealed is not null')).rows.length > 0,
    'rollups are sealed',
  );
  const dataKeys = await dataKeysOf(app);
  const opened = new Set<string>();
  for (const { name, place, sealed } of await sealedValues()) {
    expect([name, (await dataKeys.open(sealed, place)).length > 0]).toEqual([name, true]);
    // With a data key, and not with what hangs on the root key alone.
    expect([name, sealed[0]]).toEqual([name, 2]);
    opened.add(name);
  }
  expect([...opened]).toEqual(
    expect.arrayContaining([
      'audit_keys.private_sealed',
      'challenges.secret_sealed',
      'device_authorities.private_sealed',
      'factors.public_key_sealed',
      'factors.secret_sealed',
      'points.sealed',
      'refresh_families.secret_sealed',
      'rollups_1h.sealed',
      'rollups_1m.sealed',
      'signing_keys.private_sealed',
    ]),
  );
});

it('what an administrator has sealed has the place the list tells', () => {
  const [organisation, key] = [7, '0198c0de-0000-7000-8000-000000000001'];
  const beside = '0198c0de-0000-7000-8000-000000000002';
  const told = (table: string, column: string, more: string | null = null) =>
    placeOf(columnOf(table, column), { key, beside: more, organisation });
  expect(told('notification_channels', 'secret_sealed')).toEqual(secretPlace(organisation, key));
  expect(told('notification_channels', 'target_sealed')).toEqual(targetPlace(organisation, key));
  expect(told('devices', 'serial_sealed')).toEqual(serialPlace(organisation, key));
  expect(told('linked_identities', 'subject_sealed')).toEqual(identityPlace(organisation, key));
  expect(told('identity_providers', 'client_secret_sealed')).toEqual(clientSecretPlace(organisation, key));
  expect(told('factors', 'secret_sealed')).toEqual(totpPlace(organisation, key));
  expect(told('factors', 'public_key_sealed', beside)).toEqual(
    passkeyPlace({ organisationId: organisation, userId: beside }, key),
  );
  for (const column of ['secret_sealed', 'client_key_sealed'] as const)
    expect(told('siem_destinations', column)).toEqual(siemPlace({ organisationId: organisation, id: key }, column));
});

it('an installation of before there were data keys goes on, is rotated while people sign in, and then refuses what is older', async () => {
  const { app } = test;
  const { person, authenticator } = await test.somebodyWithTotp('admin');
  const [dataKeys, keyRing] = [await dataKeysOf(app), createKeyRing(rootKeyOf(app))];
  for (const { column, key, place, sealed } of await sealedValues()) {
    const { table, column: name } = column;
    const asBefore = keyRing.seal(await dataKeys.open(sealed, place), place);
    await app.database.admin.query(`update ${table} set ${name} = $1 where ${keyTextOf(column)} = $2`, [asBefore, key]);
  }
  const backup = await sealedValues();
  expect(new Set(backup.map(({ sealed }) => sealed[0]))).toEqual(new Set([1]));
  let { refreshToken } = await test.signInWith(person, authenticator);

  const { hostCommands } = app.app;
  let rotation = await hostCommands['keys.rotate-data'](0, { resume: false });
  while (rotation.state === 'running') {
    const renewed = await test.post('/auth/refresh', { refreshToken });
    expect(renewed.status).toBe(200);
    refreshToken = renewed.json.refreshToken;
    rotation = await hostCommands['keys.rotate-data.progress'](0, {});
  }
  expect(rotation).toMatchObject({ state: 'done', unreadable: 0 });
  const after = await sealedValues();
  expect(new Set(after.map(({ sealed }) => `${sealed[0]}/${sealed.readUInt32BE(1)}`))).toEqual(new Set(['2/3']));

  clock.advance(120_000);
  for (const epoch of [1, 2]) await hostCommands['keys.retire-data'](0, { epoch });
  await test.signInWith(person, authenticator);
  expect((await test.post('/auth/refresh', { refreshToken })).status).toBe(200);
  const strict = await dataKeysOf(app);
  for (const { sealed, place } of backup)
    await expect(strict.open(sealed, place)).rejects.toMatchObject({ problem: 'retired-epoch' });
});

it('a write that holds the last connection can still ask for the key of what it seals', async () => {
  const own = manualClock(Date.now());
  const app = await anApp({ clock: own, database: await aDatabase({ poolSizes: { server: 1 } }) });
  onTestFinished(() => app.stop());
  const { email, password } = await app.aPerson('admin');
  // By then no server has the key in memory any more.
  own.advance(3_600_000);
  const headers = { origin: app.origin };
  const signedIn = await app.call('POST', '/api/v1/auth/session', { headers, body: { email, password } });
  const made = await app.call('POST', '/api/v1/notification-channels', {
    headers,
    cookie: cookieOf(signedIn),
    body: { name: 'Ops', kind: 'webhook', target: 'https://hooks.example.org/valtronics' },
  });
  expect(made.status).toBe(201);
  expect(made.json.secret).toMatch(/^whsec_/);
});
