import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { CompiledQuery } from 'kysely';
import pg from 'pg';
import { expect, onTestFinished, test } from 'vitest';
import { aDatabase } from '../../../../tests/support/database.ts';
import { newId } from '../../lib/ids.ts';
import { MIGRATIONS_FOLDER, runMigrations } from '../../platform/db/run-migrations.ts';
import { newRootKeyText, parseRootKey } from '../crypto/root-key.ts';
import { sealClearValues } from './clear-values.ts';
import { createDataKeys } from './data-keys.ts';
import { aClock, aKeyStoreFile, anOrganisation, aRootKey, aServerOfKeys } from './keys.builders.ts';
import { placeOf, sealedColumns } from './sealed-columns.ts';
import { KeyStoreError } from './subject-key.repository.ts';

const PEOPLE = 400;
/** The last migration of the release in which people stood in clear. */
const BEFORE_SEALED_PEOPLE = 27;
const quiet = { info() {}, error() {} };

/** A database of the release before, with people in it, brought to the schema of this one. */
async function anOlderDatabase() {
  const database = await aDatabase({ empty: true });
  onTestFinished(() => database.drop());
  const owner = database.connection('owner');
  await runMigrations(owner, MIGRATIONS_FOLDER, BEFORE_SEALED_PEOPLE);
  const organisation = await anOrganisation(database);
  const expected = new Map<string, unknown>();
  for (let index = 0; index < PEOPLE; index += 1) {
    const id = newId();
    const person = {
      email: `Person-${index}@example.org`,
      name: index % 3 === 0 ? null : `Person ${index}`,
      phone: index % 2 ? '+15551234567' : null,
    };
    await database.admin.query(
      `insert into users (id, organisation_id, email, name, phone, role, status) values ($1, $2, $3, $4, $5, 'user', 'active')`,
      [id, organisation, person.email, person.name, person.phone],
    );
    expected.set(id, person);
  }
  await runMigrations(owner);
  const rootKeyText = newRootKeyText();
  const rootKey = parseRootKey(rootKeyText);
  if (rootKey === undefined) throw new Error('not a root key');
  const file = aKeyStoreFile();
  const server = await aServerOfKeys(database, { rootKey, clock: aClock(Date.now()), file });
  onTestFinished(() => server.subjectKeys.close());
  await server.epochs.active();
  return { database, organisation, expected, server, rootKeyText, file };
}

const columnsOfPeople = sealedColumns.filter(({ table }) => table === 'users');

/** Everybody as they are stored now, opened; and how much stands in clear. */
async function peopleIn({ database, server }: Awaited<ReturnType<typeof anOlderDatabase>>) {
  const { rows } = await database.admin.query('select * from users');
  const people = new Map<string, unknown>();
  for (const row of rows) {
    const person: Record<string, string | null> = {};
    for (const column of columnsOfPeople) {
      const place = placeOf(column, { key: row.id, beside: null, organisation: row.organisation_id });
      const sealed = row[column.column];
      person[column.clear ?? ''] = sealed === null ? null : (await server.dataKeys.open(sealed, place)).toString();
    }
    people.set(row.id, person);
  }
  const clear = rows.flatMap(({ email, name, phone }) => [email, name, phone]).filter((text) => text !== null);
  return {
    people,
    clear: clear.length,
    indexes: rows.map(({ email_index, name_index }) => ({ email_index, name_index })),
  };
}

test('what the release before kept in clear is sealed and found, and nothing of it is left in clear', async () => {
  const older = await anOlderDatabase();
  const { transactions, dataKeys } = older.server;
  const values = [...older.expected.values()]
    .flatMap((person) => Object.values(person as object))
    .filter((text) => text !== null);
  expect(await sealClearValues({ transactions, dataKeys, log: quiet, batchRows: 70 })).toBe(values.length);
  const { people, clear, indexes } = await peopleIn(older);
  expect(people).toEqual(older.expected);
  expect(clear).toBe(0);
  expect(new Set(indexes.map(({ email_index }) => email_index.toString('hex'))).size).toBe(PEOPLE);
  expect(await sealClearValues({ transactions, dataKeys, log: quiet })).toBe(0);
  const readable = await older.database.admin.query(
    `select id from users t where t::text ~* 'person-? ?[0-9]|example|555123'`,
  );
  expect(readable.rows).toEqual([]);
});

test('so is where notifications go, whichever release wrote it', async () => {
  const older = await anOlderDatabase();
  const { transactions, dataKeys } = older.server;
  await sealClearValues({ transactions, dataKeys, log: quiet });
  const id = newId();
  await older.database.admin.query(
    `insert into notification_channels (id, organisation_id, name, kind, target, minimum_severity, created_at)
     values ($1, $2, 'Night shift', 'email', 'night@example.org', 'info', now())`,
    [id, older.organisation],
  );
  expect(await sealClearValues({ transactions, dataKeys, log: quiet })).toBe(1);
  const { rows } = await older.database.admin.query('select target, target_sealed from notification_channels');
  expect(rows[0].target).toBeNull();
  const column = sealedColumns.find((each) => each.clear === 'target');
  const place = column && placeOf(column, { key: id, beside: null, organisation: older.organisation });
  expect(place && (await dataKeys.open(rows[0].target_sealed, place)).toString()).toBe('night@example.org');
});

test('killed in the middle it loses nothing, and the next start goes on', { timeout: 120_000 }, async () => {
  const older = await anOlderDatabase();
  const {
    user: _user,
    password: _password,
    application_name: _name,
    ...connection
  } = older.database.connection('server');
  const { credentials } = older.database;
  const { rootKeyText, file } = older;
  const input = JSON.stringify({ work: 'seal-clear', connection, credentials, rootKeyText, file, batchRows: 10 });
  const program = fileURLToPath(new URL('../../../../tests/support/resealing-process.ts', import.meta.url));
  const sealed = async () =>
    (
      await older.database.admin.query(
        'select count(email_sealed)::int as emails, count(phone_sealed)::int as phones from users',
      )
    ).rows[0];

  let kills = 0;
  for (const wanted of [20, 150, 260]) {
    const child: ChildProcess = spawn(process.execPath, [program], { stdio: ['pipe', 'ignore', 'inherit'] });
    const ended = once(child, 'exit');
    child.stdin?.end(input);
    while (child.exitCode === null && (await sealed()).emails < wanted) await delay(2);
    child.kill('SIGKILL');
    if ((await ended)[1] === 'SIGKILL') kills += 1;
    const { clear } = await peopleIn(older);
    expect(clear).toBeGreaterThan(0);
  }
  expect(kills).toBe(3);
  const { transactions, dataKeys } = older.server;
  await Promise.all([1, 2].map(() => sealClearValues({ transactions, dataKeys, log: quiet, batchRows: 30 })));
  const { people, clear } = await peopleIn(older);
  expect([people, clear]).toEqual([older.expected, 0]);
});

/** A database of this release into which an older one was restored, or in which a server of an older one still writes. */
async function aDatabaseWithClear() {
  const database = await aDatabase();
  onTestFinished(() => database.drop());
  const organisation = await anOrganisation(database);
  const clock = aClock(Date.now());
  const server = await aServerOfKeys(database, { rootKey: aRootKey(), clock, file: aKeyStoreFile() });
  onTestFinished(() => server.subjectKeys.close());
  const subjects: string[] = [];
  for (let index = 0; index < 7; index += 1) {
    const id = newId();
    subjects.push(id);
    await database.admin.query(
      `insert into subjects (id, organisation_id, reference, name, created_at) values ($1, $2, $3, $4, now())`,
      [id, organisation, `MRN-${index}`, index % 2 ? `Person ${index}` : null],
    );
  }
  const aUser = async (email: string) => {
    const id = newId();
    await database.admin.query(
      `insert into users (id, organisation_id, email, role, status) values ($1, $2, $3, 'user', 'active')`,
      [id, organisation, email],
    );
    return id;
  };
  const told: { column: string; ids: string[] }[] = [];
  const log = { info() {}, error: (fields: unknown) => void told.push(fields as (typeof told)[number]) };
  const inClear = async (column: 'subjects.reference' | 'users.email') => {
    const [table, name] = column.split('.');
    const { rows } = await database.admin.query(`select id from ${table} where ${name} is not null order by id`);
    return rows.map(({ id }) => id);
  };
  return { database, organisation, server, clock, subjects, aUser, told, log, inClear };
}

test('for whom nothing can be sealed any more stays as it is and is told, and everybody else is sealed', async () => {
  const { organisation, server, subjects, aUser, told, log, inClear } = await aDatabaseWithClear();
  const { transactions, dataKeys } = server;
  const gone = [subjects[0] ?? '', subjects[3] ?? ''];
  for (const id of gone) await dataKeys.destroySubject(organisation, id);
  await aUser('somebody@example.org');
  // Behind those that stay the next batch goes on.
  await sealClearValues({ transactions, dataKeys, log, batchRows: 1 });
  expect(await inClear('subjects.reference')).toEqual(gone);
  expect(await inClear('users.email')).toEqual([]);
  expect(told).toMatchObject([
    { column: 'name', ids: [subjects[3]] },
    { column: 'reference', ids: gone },
  ]);
});

test('with the key store missing whoever is measured stays as they are, everybody else is sealed, and it is made up for', async () => {
  const { server, clock, subjects, aUser, told, log, inClear } = await aDatabaseWithClear();
  const { transactions } = server;
  const missing = () => Promise.reject(new KeyStoreError('the key store is missing'));
  await aUser('somebody@example.org');
  const without = createDataKeys({ ...server, subjectKeys: missing, clock });
  await sealClearValues({ transactions, dataKeys: without, log });
  expect([await inClear('subjects.reference'), await inClear('users.email')]).toEqual([subjects, []]);
  expect(told.map(({ column }) => column)).toEqual(['name', 'reference']);
  await sealClearValues({ transactions, dataKeys: server.dataKeys, log });
  expect(await inClear('subjects.reference')).toEqual([]);
});

test('an address that an account has already stays in clear and is told by the id, and everybody else is sealed', async () => {
  const { server, aUser, told, log, inClear } = await aDatabaseWithClear();
  const { transactions, dataKeys } = server;
  await aUser('twice@example.org');
  await sealClearValues({ transactions, dataKeys, log });
  // As a server of the older release wrote them, to whom the sealed one is none.
  const [, second] = [
    await aUser('before@example.org'),
    await aUser('Twice@Example.org'),
    await aUser('behind@example.org'),
  ];
  expect(await sealClearValues({ transactions, dataKeys, log })).toBe(2);
  expect(await inClear('users.email')).toEqual([second]);
  expect(told).toMatchObject([{ table: 'users', column: 'email', ids: [second] }]);
});

test('a server of the older release that still runs writes nobody in clear any more; a restore does, and what came with it can be changed', async () => {
  const { database, organisation, server, subjects, aUser, inClear } = await aDatabaseWithClear();
  const user = await aUser('restored@example.org');
  const write = (organisationId: number | null, statement: string, values: unknown[]) =>
    server.transactions.unaudited(organisationId, 'reseal', (tx) =>
      tx.db.executeQuery(CompiledQuery.raw(statement, values)),
    );
  const anew = `insert into users (id, organisation_id, email, role, status) values ($1, $2, 'anew@example.org', 'user', 'active')`;
  const refused: [string, unknown[]][] = [
    [anew, [newId(), organisation]],
    [
      "insert into subjects (id, organisation_id, reference, created_at) values ($1, $2, 'MRN', now())",
      [newId(), organisation],
    ],
    ...['email', 'name', 'phone'].map((column): [string, unknown[]] => [
      `update users set ${column} = 'x' where id = $1`,
      [user],
    ]),
    ...['reference', 'name'].map((column): [string, unknown[]] => [
      `update subjects set ${column} = 'x' where id = $1`,
      [subjects[0]],
    ]),
  ];
  for (const [statement, values] of refused) {
    await expect(write(organisation, statement, values), statement).rejects.toThrow(
      /is sealed now: a server of an older release/,
    );
    await expect(write(null, statement, values), statement).rejects.toThrow(/is sealed now|permission denied/);
  }
  await write(organisation, `update users set status = 'disabled' where id = $1`, [user]);
  const owner = new pg.Client(database.connection('owner'));
  await owner.connect();
  await owner.query(anew, [newId(), organisation]);
  await owner.end();
  expect(await inClear('users.email')).toHaveLength(2);
});
