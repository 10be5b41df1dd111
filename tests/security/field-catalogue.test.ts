import { permissions } from '@valtronics/contract';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fieldCatalogue } from '../../server/src/security/fields/catalogue.ts';
import { publicColumns } from '../../server/src/security/fields/public-columns.ts';
import { sealedColumns } from '../../server/src/security/keys/sealed-columns.ts';
import { aDatabase, type TestDatabase } from '../support/database.ts';

// The catalogue against the schema as the migrations make it: whoever adds a column decides whether it is sensitive, or this is red.

interface Column {
  readonly name: string;
  readonly table: string;
  readonly type: string;
}

let database: TestDatabase;
let columns: readonly Column[];
beforeAll(async () => {
  database = await aDatabase();
  // Day partitions are copies of their parent; views and tables of extensions hold nothing of ours.
  const found = await database.admin.query<Column>(
    `select c.relname || '.' || a.attname as name, c.relname as table, format_type(a.atttypid, null) as type
     from pg_attribute a join pg_class c on c.oid = a.attrelid join pg_namespace n on n.oid = c.relnamespace
     where n.nspname = 'public' and c.relkind in ('r', 'p') and not c.relispartition and a.attnum > 0 and not a.attisdropped
     order by 1`,
  );
  columns = found.rows;
});
afterAll(() => database?.drop());

const publicNames = [...publicColumns].flatMap(([table, names]) => names.map((name) => `${table}.${name}`));
const cataloguedNames = new Set(fieldCatalogue.map(({ table, column }) => `${table}.${column}`));

describe('the field catalogue and the schema', () => {
  it('every column is either catalogued or public, and each that is named exists', () => {
    expect(columns.length).toBeGreaterThan(500);
    const known = new Set([...cataloguedNames, ...publicNames]);
    expect(columns.filter(({ name }) => !known.has(name)).map(({ name }) => name)).toEqual([]);
    const existing = new Set(columns.map(({ name }) => name));
    expect([...known].filter((name) => !existing.has(name))).toEqual([]);
  });

  it('none is both, and none is named twice', () => {
    expect(publicNames.filter((name) => cataloguedNames.has(name))).toEqual([]);
    expect(publicNames.filter((name, at) => publicNames.indexOf(name) !== at)).toEqual([]);
    const ids = fieldCatalogue.map(({ id }) => id);
    expect(ids.filter((id, at) => ids.indexOf(id) !== at)).toEqual([]);
  });

  it('a JSON column is catalogued, as a whole or by its paths, and only a JSON column has paths', () => {
    const json = new Set(columns.filter(({ type }) => type.startsWith('json')).map(({ name }) => name));
    expect(json.size).toBeGreaterThan(8);
    expect([...json].filter((name) => !cataloguedNames.has(name))).toEqual([]);
    const withPath = fieldCatalogue.filter(({ path }) => path !== undefined);
    expect(withPath.filter(({ table, column }) => !json.has(`${table}.${column}`))).toEqual([]);
    const whole = new Set(fieldCatalogue.filter(({ path }) => path === undefined).map(({ id }) => id));
    expect(withPath.filter(({ table, column }) => whole.has(`${table}.${column}`))).toEqual([]);
  });

  it('what is sealed is what a rotation seals again, of the same owner', () => {
    const sealed = fieldCatalogue.flatMap(({ id, stored }) =>
      stored.as === 'sealed' ? [`${id} of the ${stored.with}`] : [],
    );
    expect(sealed.toSorted()).toEqual(
      sealedColumns
        .map(({ table, column, owner, subjectColumn }) => {
          const mayBeSubject = owner === 'organisation' && subjectColumn !== undefined;
          return `${table}.${column} of the ${mayBeSubject ? 'subject or organisation' : owner}`;
        })
        .toSorted(),
    );
  });

  it('hashes, sealed values and wrapped keys are catalogued as what their names say', () => {
    const storedAs = (name: string) => fieldCatalogue.find(({ id }) => id === name)?.stored.as;
    for (const [ending, as] of [
      ['_sealed', 'sealed'],
      ['token_hash', 'hashed'],
      ['wrapped_key', 'wrapped'],
    ]) {
      const named = columns.filter(({ name }) => name.endsWith(String(ending)));
      expect(named.length).toBeGreaterThan(1);
      expect(named.map(({ name }) => [name, storedAs(name)])).toEqual(named.map(({ name }) => [name, as]));
    }
  });
});

describe('the field catalogue by itself', () => {
  it('a secret is shown to nobody, is not searched for by a part, and never stands in clear without a reason', () => {
    const secrets = fieldCatalogue.filter((field) => field.class === 'secret');
    expect(secrets.length).toBeGreaterThan(20);
    for (const { id, clear, masked, search, revealBy } of secrets)
      expect([id, clear, masked, search, revealBy]).toEqual([id, [], [], 'no', undefined]);
    for (const { id, stored } of fieldCatalogue)
      if (stored.as === 'clear') expect([id, stored.why.length > 10]).toEqual([id, true]);
  });

  it('what may be revealed is masked for somebody, and what is sealed is searched by its parts in lists of people only', () => {
    const revealed = fieldCatalogue.filter(({ revealBy }) => revealBy !== undefined);
    expect(revealed.map(({ id }) => id)).toEqual(expect.arrayContaining(['subjects.name', 'devices.serial']));
    for (const { id, masked, revealBy } of revealed)
      expect([id, masked.length > 0, Boolean(revealBy?.length)]).toEqual([id, true, true]);
    // Lists of people open up to five hundred and look in them; of more only the whole is found, by its index.
    const byParts = fieldCatalogue.filter(({ stored, search }) => stored.as !== 'clear' && search === 'part');
    expect(byParts.map(({ id }) => id).toSorted()).toEqual([
      'subjects.name_sealed',
      'subjects.reference_sealed',
      'users.email_sealed',
      'users.name_sealed',
    ]);
  });

  it('names permissions there are', () => {
    const known = new Set<string>(permissions);
    for (const { id, clear, masked, revealBy = [] } of fieldCatalogue)
      for (const viewers of [clear, masked, revealBy])
        if (viewers !== 'members') expect([id, viewers.filter((one) => !known.has(one))]).toEqual([id, []]);
  });
});
