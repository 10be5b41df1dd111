import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { secretPlace } from '../../server/src/features/alerts/notification-channel.service.ts';
import { passkeyPlace, totpPlace } from '../../server/src/features/identity/factor-proofs.ts';
import { clientSecretPlace } from '../../server/src/features/sign-in-providers/provider.ts';
import { manualClock } from '../../server/src/lib/clock.ts';
import { createKeyRing } from '../../server/src/security/crypto/key-ring.ts';
import { openRootKey } from '../../server/src/security/crypto/root-key.ts';
import { placeOf, sealedColumns } from '../../server/src/security/keys/sealed-columns.ts';
import { siemPlace } from '../../server/src/security/siem/destination.ts';
import { aFactorTest, type FactorTest } from '../support/second-factors.ts';

// A rotation opens each value in the place the list of sealed columns tells, and seals it for that place. Were it another one than that of the code
// which reads the value, the value would be lost. So the list is held against what a running platform sealed, and against the places themselves.

let test: FactorTest;
beforeAll(async () => {
  test = await aFactorTest(manualClock(Math.ceil(Date.now() / 30_000) * 30_000));
});
afterAll(async () => {
  await test?.app.stop();
  test?.mail.close();
});

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
  const keyRing = createKeyRing(openRootKey({ dataDir: app.dataDir, rootKeyFile: join(app.dataDir, 'root.key') }));
  const opened = new Set<string>();
  for (const column of sealedColumns) {
    const { table, column: name, key, keyType, besideKey, owner } = column;
    const rows = await app.database.admin.query(
      `select ${keyType === 'bytea' ? `encode(${key}, 'hex')` : `${key}::text`} as key, ${besideKey ?? 'null'} as beside,
         ${owner === 'organisation' ? 'organisation_id' : 'null'} as organisation, ${name} as sealed from ${table} where ${name} is not null`,
    );
    for (const row of rows.rows) {
      expect([table, name, keyRing.open(row.sealed, placeOf(column, row)).length > 0]).toEqual([table, name, true]);
      opened.add(`${table}.${name}`);
    }
  }
  expect([...opened]).toEqual(
    expect.arrayContaining([
      'audit_keys.private_sealed',
      'challenges.secret_sealed',
      'device_authorities.private_sealed',
      'factors.public_key_sealed',
      'factors.secret_sealed',
      'refresh_families.secret_sealed',
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
  expect(told('identity_providers', 'client_secret_sealed')).toEqual(clientSecretPlace(organisation, key));
  expect(told('factors', 'secret_sealed')).toEqual(totpPlace(organisation, key));
  expect(told('factors', 'public_key_sealed', beside)).toEqual(
    passkeyPlace({ organisationId: organisation, userId: beside }, key),
  );
  for (const column of ['secret_sealed', 'client_key_sealed'] as const)
    expect(told('siem_destinations', column)).toEqual(siemPlace({ organisationId: organisation, id: key }, column));
});
