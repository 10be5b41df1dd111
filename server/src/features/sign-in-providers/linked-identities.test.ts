import { CompiledQuery } from 'kysely';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { aDatabase, type TestDatabase } from '../../../../tests/support/database.ts';
import { newId } from '../../lib/ids.ts';
import { MIGRATIONS_FOLDER, runMigrations } from '../../platform/db/run-migrations.ts';
import type { UnauditedTx } from '../../security/audit/tokens.ts';
import { createTransactions } from '../../security/audit/transactions.ts';
import { identitySubjectIndex } from '../../security/keys/blind-indexes.ts';
import { sealClearValues } from '../../security/keys/clear-values.ts';
import { aClock, aKeyStoreFile, anOrganisation, aRootKey, aServerOfKeys } from '../../security/keys/keys.builders.ts';
import { createResealing } from '../../security/keys/resealing.ts';
import { indexedText } from '../../security/keys/sealed-columns.ts';
import { createLinkedIdentities, identityPlace } from './linked-identities.ts';
import { insertIdentity } from './linked-identity.repository.ts';

const actor = { kind: 'cli', id: 'cli:0', label: null } as const;
const quiet = { info() {}, error() {} };
const ISSUER = 'https://id.example.org';
const ada = { issuer: ISSUER, subject: 'ada-0815' };

/** The last migration of the release in which subjects stood in clear. */
const BEFORE = 37;
let [clock, rootKey, file] = [aClock(Date.now()), aRootKey(), aKeyStoreFile()];
let database: TestDatabase;
let server: Awaited<ReturnType<typeof aServerOfKeys>>;
let place: { organisationId: number; userId: string; providerId: string };
const stops: (() => void)[] = [];

async function aServer() {
  const made = await aServerOfKeys(database, { rootKey, clock, file });
  stops.push(() => made.subjectKeys.close());
  await made.epochs.active();
  return made;
}

async function aPlace() {
  const organisationId = await anOrganisation(database);
  const [userId, providerId] = [newId(), newId()];
  await database.admin.query(
    `insert into users (id, organisation_id, email, role, status) values ($1, $2, $3, 'user', 'active')`,
    [userId, organisationId, `${userId}@example.org`],
  );
  await database.admin.query(
    `insert into identity_providers (id, organisation_id, slug, name, issuer, client_id, client_secret_sealed, manages_role, jit_enabled,
       email_domains, trusts_second_factor, accepted_acr, accepted_amr, enabled, listed, created_at, updated_at)
     values ($1, $2, $3, 'Corp', $4, 'c', '', false, false, '{}', false, '{}', '{}', true, true, now(), now())`,
    [providerId, organisationId, `corp-${organisationId}`, ISSUER],
  );
  return { organisationId, userId, providerId };
}

beforeEach(async () => {
  [clock, rootKey, file] = [aClock(Date.now()), aRootKey(), aKeyStoreFile()];
  database = await aDatabase({ empty: true });
  await runMigrations(database.connection('owner'), MIGRATIONS_FOLDER, BEFORE);
  place = await aPlace();
});
afterEach(async () => {
  for (const stop of stops.splice(0)) stop();
  await database.drop();
});

async function updated() {
  await runMigrations(database.connection('owner'));
  server = await aServer();
}

/** On connections of the server's, while keys are looked up on others. */
const inTx = <T>(work: (tx: UnauditedTx) => Promise<T>, where = place): Promise<T> =>
  createTransactions(database).unaudited(where.organisationId, 'data_key', work);
const link = (who = ada, of = server, where = place): Promise<boolean> =>
  inTx(
    (tx) =>
      createLinkedIdentities(of.dataKeys).insert(tx, {
        id: newId(),
        ...where,
        ...who,
        createdAccount: false,
        createdAt: clock.date(),
      }),
    where,
  );
const find = (who = ada, of = server, where = place) =>
  of.transactions.read(where.organisationId, (reader) =>
    createLinkedIdentities(of.dataKeys).find(reader, where.organisationId, who),
  );
const stored = async () => (await database.admin.query('select * from linked_identities order by id')).rows;
const indexes = async () =>
  (await database.admin.query('select subject_index from linked_identity_indexes')).rows.map(({ subject_index }) =>
    subject_index.toString('hex'),
  );

test('what a provider calls somebody is sealed for its row, and found by issuer and subject together', async () => {
  await updated();
  expect(await link()).toBe(true);
  const [row] = await stored();
  expect([row.subject, row.subject_index.length]).toEqual([null, 32]);
  const where = identityPlace(place.organisationId, row.id);
  expect((await server.dataKeys.open(row.subject_sealed, where)).toString()).toBe(ada.subject);
  await expect(server.dataKeys.open(row.subject_sealed, { ...where, row: newId() })).rejects.toThrow();
  const readable = await database.admin.query(
    "select from linked_identities t, linked_identity_indexes x where t::text || x::text ~ '0815|303831'",
  );
  expect(readable.rows).toEqual([]);

  expect(await find()).toMatchObject({ id: row.id, userId: place.userId });
  for (const other of [
    { ...ada, subject: 'ADA-0815' },
    { ...ada, issuer: 'https://id2.example.org' },
    { issuer: `${ISSUER}a`, subject: 'da-0815' },
  ])
    expect(await find(other)).toBeUndefined();
  const elsewhere = await aPlace();
  expect(await find(ada, server, elsewhere)).toBeUndefined();
  expect(await link(ada, server, elsewhere)).toBe(true);
  expect(await link()).toBe(false);
  expect(await link({ ...ada, subject: 'grace' })).toBe(true);
});

describe('while a rotation is under way', () => {
  test('it is found under either epoch, and linked once', async () => {
    await updated();
    await link();
    await server.epochs.advance(actor);
    expect(await find()).toBeDefined();
    expect(await link()).toBe(false);
    await createResealing(server).run();
    expect((await stored())[0].subject_sealed.readUInt32BE(1)).toBe((await server.epochs.active()).epoch);
    expect(await find()).toBeDefined();
    expect(await link()).toBe(false);
  });

  test('the database refuses it under another epoch, also who has not looked whether it is there', async () => {
    await updated();
    const indexed = indexedText(ada.subject, ISSUER);
    const sealedNow = (id: string) =>
      server.dataKeys.sealIndexed(ada.subject, identityPlace(place.organisationId, id), identitySubjectIndex, {
        indexed,
      });
    const put = (id: string, { sealed, index }: Awaited<ReturnType<typeof sealedNow>>, otherIndexes: Buffer[]) =>
      inTx((tx) =>
        insertIdentity(tx, {
          id,
          ...place,
          issuer: ISSUER,
          subjectSealed: sealed,
          subjectIndex: index,
          otherIndexes,
          createdAccount: false,
          createdAt: clock.date(),
        }).then((isNew) => {
          if (!isNew) throw new Error('taken');
        }),
      );
    const [first, second, third] = [newId(), newId(), newId()];
    const before = await sealedNow(first);
    const late = await sealedNow(third);
    await put(first, before, []);
    await server.epochs.advance(actor);
    const after = await sealedNow(second);
    expect(after.index).not.toEqual(before.index);
    await expect(put(second, after, [before.index])).rejects.toThrow('taken');
    // What was sealed again since is still known by what it was found by before.
    await createResealing(server).run();
    await expect(put(third, late, [])).rejects.toThrow('taken');
    expect(await stored()).toHaveLength(1);
  });

  test('of two servers at once, one of which does not know of the new epoch, one links it', async () => {
    await updated();
    for (let round = 0; round < 5; round += 1) {
      const late = await aServer();
      await server.epochs.advance(actor);
      const who = { ...ada, subject: `ada-${round}` };
      const attempts = await Promise.all(
        [server, late, server, late].map((of) =>
          inTx((tx) =>
            createLinkedIdentities(of.dataKeys)
              .insert(tx, { id: newId(), ...place, ...who, createdAccount: false, createdAt: clock.date() })
              .then((isNew) => {
                if (!isNew) throw new Error('taken');
                return true;
              }),
          ).catch((error: unknown) => {
            if (error instanceof Error && error.message === 'taken') return false;
            throw error;
          }),
        ),
      );
      expect(attempts.filter(Boolean)).toHaveLength(1);
    }
    expect(await stored()).toHaveLength(5);
  });

  test('of a retired epoch no index is left', async () => {
    await updated();
    await link();
    const { epoch } = await server.epochs.active();
    const older = await indexes();
    await server.epochs.advance(actor);
    await createResealing(server).run();
    expect(await indexes()).toHaveLength(2);
    clock.pass(150);
    await server.epochs.retire(actor, epoch, async () => false);
    const [left, ...others] = await indexes();
    expect([others, older.includes(left)]).toEqual([[], false]);
    expect(left).toBe((await stored())[0].subject_index.toString('hex'));
    expect(await find()).toBeDefined();
  });
});

describe('of the release before', () => {
  const inClear = (subject: string) =>
    `insert into linked_identities (id, organisation_id, user_id, provider_id, issuer, subject, created_account, created_at)
     values ('${newId()}', ${place.organisationId}, '${place.userId}', '${place.providerId}', '${ISSUER}', '${subject}', false, now())`;

  test('what stands in clear is sealed at the start, and found, and linked once', async () => {
    await database.admin.query(inClear(ada.subject));
    await database.admin.query(inClear('grace'));
    await updated();
    expect(await find()).toBeUndefined();
    // Their address is the third.
    expect(await sealClearValues({ ...server, log: quiet })).toBe(3);
    const rows = await stored();
    expect(rows.map(({ subject }) => subject)).toEqual([null, null]);
    expect((await indexes()).toSorted()).toEqual(rows.map((row) => row.subject_index.toString('hex')).toSorted());
    expect(await find()).toMatchObject({ userId: place.userId });
    expect(await link()).toBe(false);
  });

  test('a server that still runs writes none in clear', async () => {
    await updated();
    const written = server.transactions.unaudited(place.organisationId, 'data_key', (tx) =>
      tx.db.executeQuery(CompiledQuery.raw(inClear('late'))),
    );
    await expect(written).rejects.toThrow('a server of an older release is running');
  });
});

test('the link goes with its account, and all that it is found by', async () => {
  await updated();
  await link();
  await database.admin.query('delete from users where id = $1', [place.userId]);
  expect([await stored(), await indexes()]).toEqual([[], []]);
});
