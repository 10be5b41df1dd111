import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import { aDatabase } from '../../../../tests/support/database.ts';
import { newId } from '../../lib/ids.ts';
import { MIGRATIONS_FOLDER, runMigrations } from '../../platform/db/run-migrations.ts';
import { newRootKeyText, parseRootKey } from '../crypto/root-key.ts';
import { sealClearValues } from './clear-values.ts';
import { aClock, aKeyStoreFile, anOrganisation, aServerOfKeys } from './keys.builders.ts';
import { placeOf, sealedColumns } from './sealed-columns.ts';

const PEOPLE = 400;
/** The last migration of the release in which people stood in clear. */
const BEFORE_SEALED_PEOPLE = 27;
const quiet = { info() {} };

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
