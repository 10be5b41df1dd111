import { afterAll, beforeAll, expect, test } from 'vitest';
import { aDatabase, type TestDatabase } from '../../../../tests/support/database.ts';
import type { Place } from '../crypto/sealed-value.ts';
import { aClock, aKeyStoreFile, anOrganisation, aRootKey, aServerOfKeys } from './keys.builders.ts';
import { placeOf, sealedColumns } from './sealed-columns.ts';

let database: TestDatabase;
let server: Awaited<ReturnType<typeof aServerOfKeys>>;
let [organisation, another] = [0, 0];

beforeAll(async () => {
  database = await aDatabase();
  server = await aServerOfKeys(database, { rootKey: aRootKey(), clock: aClock(), file: aKeyStoreFile() });
  [organisation, another] = [await anOrganisation(database), await anOrganisation(database)];
});
afterAll(async () => {
  server?.subjectKeys.close();
  await database?.drop();
});

test.each(sealedColumns.map((column) => [`${column.table}.${column.column}`, column] as const))(
  '%s: a flipped bit, another row, column, table, organisation or subject, and a value that is cut short are refused',
  async (_, column) => {
    const row = { key: 'the-row', beside: null, organisation: column.owner === 'instance' ? null : organisation };
    const [place, subject] = [placeOf(column, row), column.owner === 'subject' ? row.key : undefined];
    const sealed = await server.dataKeys.seal('a value', place, subject);
    const isOpen = (bytes: Buffer, where: Place, who: string | undefined) =>
      server.dataKeys.open(bytes, where, who).then(
        () => true,
        () => false,
      );
    expect(await isOpen(sealed, place, subject)).toBe(true);

    const opened: string[] = [];
    for (let at = 0; at < sealed.length; at += 1) {
      const flipped = Buffer.from(sealed);
      flipped[at] = (flipped[at] ?? 0) ^ (1 << (at % 8));
      if (await isOpen(flipped, place, subject)) opened.push(`bit of byte ${at}`);
    }
    for (let cut = 1; cut <= 17; cut += 1)
      if (await isOpen(sealed.subarray(0, sealed.length - cut), place, subject)) opened.push(`without ${cut} bytes`);
    const others: [string, Place, string | undefined][] = [
      ['row', { ...place, row: 'another' }, subject],
      ['column', { ...place, column: 'another' }, subject],
      ['table', { ...place, table: 'another' }, subject],
      ['organisation', { ...place, organisation: another }, subject],
      ...(place.organisation === null ? [] : ([['subject', place, 'somebody']] as [string, Place, string][])),
    ];
    for (const [what, where, who] of others) if (await isOpen(sealed, where, who)) opened.push(`another ${what}`);
    expect(opened).toEqual([]);
  },
);
