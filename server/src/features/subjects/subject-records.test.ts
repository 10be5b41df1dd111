import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { aDatabase, type TestDatabase } from '../../../../tests/support/database.ts';
import { newId } from '../../lib/ids.ts';
import type { Reader } from '../../security/audit/tokens.ts';
import { aClock, aKeyStoreFile, anOrganisation, aRootKey, aServerOfKeys } from '../../security/keys/keys.builders.ts';
import { createSubjectRecords, type SubjectQuery, type SubjectRecords } from './subject-records.ts';

const clock = aClock(Date.now());
const file = aKeyStoreFile();
const look = { userId: newId(), at: clock.date() };
let database: TestDatabase;
let server: Awaited<ReturnType<typeof aServerOfKeys>>;
let records: SubjectRecords;
let organisationId: number;
/** In the order they were registered, which is not that of their names. */
const names = ['Cleo', 'Ann', 'Dora', 'Bea', 'Emil', 'Frida', 'Gus', 'Hana'];
const ids: string[] = [];
let opened = 0;

beforeAll(async () => {
  database = await aDatabase();
  server = await aServerOfKeys(database, { rootKey: aRootKey(), clock, file });
  organisationId = await anOrganisation(database);
  await database.admin.query(
    `insert into users (id, organisation_id, email, role, status) values ($1, $2, 'who@example.org', 'operator', 'active')`,
    [look.userId, organisationId],
  );
  const { dataKeys } = server;
  records = createSubjectRecords({
    ...dataKeys,
    openAll(values) {
      opened += new Set(values.map(({ subject }) => subject)).size;
      return dataKeys.openAll(values);
    },
  });
  for (const [at, name] of names.entries()) {
    const id = newId();
    ids.push(id);
    const subject = { id, organisationId, reference: `MRN-${at}`, name, registeredBy: look.userId };
    await server.transactions.unaudited(organisationId, 'reseal', (tx) =>
      records.insert(tx, { ...subject, createdAt: new Date(clock.now() + at * 1_000) }),
    );
  }
});
beforeEach(() => {
  opened = 0;
});
afterAll(async () => {
  server?.subjectKeys.close();
  await database?.drop();
});

const read = <T>(work: (reader: Reader) => Promise<T>): Promise<T> => server.transactions.read(organisationId, work);
const list = (query: Partial<SubjectQuery>) =>
  read((reader) =>
    records.list(reader, look, {
      ...{ organisationId, text: undefined, sight: 'clear', sort: 'createdAt', afterId: undefined, limit: 3 },
      ...query,
    }),
  );
const namesOf = (rows: readonly { readonly name: string | null }[]) => rows.map(({ name }) => name);

describe('a page', () => {
  it.each([
    ['in the order they were registered', { afterId: 2 }, ['Bea', 'Emil', 'Frida']],
    ['in the order they were registered, newest first', { sort: '-createdAt', afterId: 6 }, ['Frida', 'Emil', 'Bea']],
    ['of whom somebody sees masks of', { sight: 'masked', afterId: undefined }, ['Cleo', 'Ann', 'Dora']],
  ] as const)('%s opens no more than itself', async (_, { afterId, ...query }, expected) => {
    const rows = await list({ ...query, afterId: afterId === undefined ? undefined : ids[afterId] });
    expect(namesOf(rows)).toEqual(expected);
    expect(opened).toBe(expected.length);
  });

  it('of masks that is searched is found by ids alone, and opens no more than what is found', async () => {
    expect(namesOf(await list({ sight: 'masked', text: ids[4]?.slice(-12).toUpperCase() }))).toEqual(['Emil']);
    expect(namesOf(await list({ sight: 'masked', text: 'Emil' }))).toEqual([]);
    expect(opened).toBe(1);
  });

  it('that is sorted or searched by what is sealed tells whom each is measured by, as one that is not', async () => {
    const sorted = await list({ sort: 'name', afterId: ids[3] });
    expect(namesOf(sorted)).toEqual(['Cleo', 'Dora', 'Emil']);
    expect(sorted).toEqual(await Promise.all(sorted.map(({ id }) => read((reader) => records.find(reader, look, id)))));
    expect(namesOf(await list({ text: 'L', sort: '-name' }))).toEqual(['Emil', 'Cleo']);
  });
});
