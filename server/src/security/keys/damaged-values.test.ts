import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { aDatabase, type TestDatabase } from '../../../../tests/support/database.ts';
import type { SecurityReport } from '../events/security-event.ts';
import { damagedValues, type OnDamaged } from './damaged-values.ts';
import { createDataKeys, type SealedValue } from './data-keys.ts';
import { aClock, aKeyStoreFile, anOrganisation, aRootKey, aServerOfKeys } from './keys.builders.ts';
import { KeyStoreError } from './subject-key.repository.ts';

const clock = aClock();
const rootKey = aRootKey();
const file = aKeyStoreFile();
const DAY_SECONDS = 86_400;
let database: TestDatabase;
let server: Awaited<ReturnType<typeof aServerOfKeys>>;
let organisation: number;
let reports: SecurityReport[];
let onDamaged: OnDamaged;

beforeAll(async () => {
  database = await aDatabase();
  server = await aServerOfKeys(database, { rootKey, clock, file, onDamaged: (...told) => onDamaged(...told) });
  organisation = await anOrganisation(database);
});
beforeEach(() => {
  reports = [];
  onDamaged = damagedValues({ report: (event) => void reports.push(event) }, clock);
});
afterAll(async () => {
  server?.subjectKeys.close();
  await database?.drop();
});

const place = (row: string) => ({ organisation, table: 'users', column: 'phone', row });
const altered = (sealed: Buffer, at: number): Buffer => {
  const bytes = Buffer.from(sealed);
  bytes[at] = (bytes[at] ?? 0) ^ 1;
  return bytes;
};
const rowsTold = () => reports.map(({ details }) => details?.['row']);
const damageOf = (row: string, sealed: Buffer, subject?: string) =>
  server.dataKeys.open(sealed, place(row), subject).then(
    () => 'open',
    (error: { problem?: string }) => error.problem,
  );

test('damage is told once however often it is read; repaired and damaged again it is told again', async () => {
  const [first, again] = [
    await server.dataKeys.seal('before', place('a')),
    await server.dataKeys.seal('x', place('a')),
  ];
  for (let time = 0; time < 3; time += 1) expect(await damageOf('a', altered(first, 80))).toBe('refused');
  expect(await damageOf('a', again)).toBe('open');
  expect(rowsTold()).toEqual(['a']);
  await server.dataKeys.openAll([{ sealed: altered(again, 80), place: place('a') }]);
  expect(rowsTold()).toEqual(['a', 'a']);
  expect(await damageOf('a', altered(first, 80))).toBe('refused');
  expect(reports).toHaveLength(2);
  expect(reports[0]).toMatchObject({ action: 'data.tampered', level: 'critical', reason: 'refused' });
});

test('the same bytes in two places are two damages, whoever opens one: alone or among many', async () => {
  const sealed = await server.dataKeys.seal('of c', place('c'));
  expect(await damageOf('d', sealed)).toBe('refused');
  await server.dataKeys.openAll([{ sealed, place: place('e') }]);
  expect(rowsTold()).toEqual(['d', 'e']);
});

test('an erased person and a key that is missing are no damage', async () => {
  const sealed = await server.dataKeys.seal('hers', place('f'), 'ada');
  await server.dataKeys.destroySubject(organisation, 'ada');
  expect(await damageOf('f', sealed, 'ada')).toBe('no-key');
  expect(await server.dataKeys.openAll([{ sealed, place: place('f'), subject: 'ada' }])).toEqual([null]);
  expect(reports).toEqual([]);
});

test('what lies damaged for days is told every day; of ten thousand nothing more is told within one', () => {
  const tell = (row: string) => onDamaged(place(row), 'refused', Buffer.from(row));
  tell('0');
  clock.pass(DAY_SECONDS - 1);
  tell('0');
  expect(rowsTold()).toEqual(['0']);
  for (let row = 1; row < 10_050; row += 1) tell(String(row));
  expect(reports).toHaveLength(10_000);
  clock.pass(1);
  tell('0');
  expect(rowsTold().at(-1)).toBe('0');
  tell('10049');
  expect(reports).toHaveLength(10_001);
  clock.pass(DAY_SECONDS);
  tell('10049');
  expect(rowsTold().at(-1)).toBe('10049');
});

/** The same keys, to another process; counts what it asks for. */
function aCountingServer(isStoreMissing = false) {
  const asked = { stores: 0, subjects: 0, keys: 0 };
  const { transactions, epochs, keyRing, subjectKeys } = server;
  const dataKeys = createDataKeys({
    epochs,
    keyRing,
    clock,
    transactions: {
      ...transactions,
      read(...of) {
        asked.keys += 1;
        return transactions.read(...of);
      },
    },
    async subjectKeys() {
      asked.stores += 1;
      if (isStoreMissing) throw new KeyStoreError('the key store is missing');
      return {
        ...subjectKeys,
        find(...of) {
          asked.subjects += 1;
          return subjectKeys.find(...of);
        },
      };
    },
  });
  return { dataKeys, asked };
}

/** A hundred rows of ten subjects, by turns. */
async function aHundred(): Promise<SealedValue[]> {
  const values: SealedValue[] = [];
  for (let at = 0; at < 100; at += 1) {
    const [where, subject] = [place(`many-${at}`), `subject-${at % 10}`];
    values.push({ sealed: await server.dataKeys.seal(`text ${at}`, where, subject), place: where, subject });
  }
  return values;
}

test('a hundred values ask once for each key, and once for the key store', async () => {
  const values = await aHundred();
  const { dataKeys, asked } = aCountingServer();
  expect(await dataKeys.openAll(values)).toEqual(values.map((_, at) => `text ${at}`));
  expect(asked).toEqual({ stores: 1, subjects: 10, keys: 0 });
});

test('a missing key store is asked for once, whoever of a hundred it has keys of', async () => {
  const { dataKeys, asked } = aCountingServer(true);
  expect(await dataKeys.openAll(await aHundred())).toEqual(Array(100).fill(null));
  expect(asked.stores).toBe(1);
  const subjects = Array.from({ length: 100 }, (_, at) => ({ organisation, subject: `subject-${at}` }));
  expect(await dataKeys.destroyedAmong(subjects)).toEqual(new Set());
  expect(asked.stores).toBe(2);
});

test('also a key that is not there is asked for once', async () => {
  const strange = await anOrganisation(database);
  const values: SealedValue[] = [];
  for (let at = 0; at < 50; at += 1) {
    const [here, there] = [place(`here-${at}`), { ...place(`there-${at}`), organisation: strange }];
    values.push({ sealed: await server.dataKeys.seal('here', here), place: here });
    // Of an organisation that has no key: as if somebody had deleted it.
    values.push({ sealed: await server.dataKeys.seal('x', here), place: there });
  }
  const { dataKeys, asked } = aCountingServer();
  expect(await dataKeys.openAll(values)).toEqual(values.map((_, at) => (at % 2 === 0 ? 'here' : undefined)));
  expect(asked).toEqual({ stores: 0, subjects: 0, keys: 2 });
});
