import { sql } from 'kysely';
import { expect, test } from 'vitest';
import { createTransactions } from '../audit/transactions.ts';
import { sealedColumns } from '../keys/sealed-columns.ts';
import { aFilledDatabase } from './backups.builders.ts';
import { sampleSealed } from './sealed-sample.repository.ts';

test('of a large table values from here and there are taken, and the table is not read for it; of a small one as well', async () => {
  const { database } = await aFilledDatabase(80_000);
  const points = sealedColumns.find(({ table }) => table === 'points');
  if (!points) throw new Error('no such column');
  const { readAcross } = createTransactions(database);
  const sampled = () =>
    readAcross(async (reader) => {
      const rows = await sampleSealed(reader, points, 20);
      const read = await sql<{ rows: number }>`
        select sum(seq_tup_read + coalesce(idx_tup_fetch, 0))::int as rows from pg_stat_xact_user_tables where relname like 'points_%'`.execute(
        reader.db,
      );
      return { places: rows.map(({ place }) => place.row), read: read.rows[0]?.rows };
    });
  await database.admin.query('analyze points');
  expect(await sampled()).toMatchObject({ places: [] });

  await database.admin.query(
    `update points set num = null, txt = null, chunk = ts, sealed = '\\x00' where date_part('second', ts) < 30; analyze points`,
  );
  const samples = [await sampled(), await sampled(), await sampled()];
  for (const { places, read } of samples) {
    expect(new Set(places).size).toBe(20);
    expect(read).toBeLessThan(10_000);
  }
  const chosen = new Set(samples.flatMap(({ places }) => places));
  expect(chosen.size).toBeGreaterThan(20);

  await database.admin.query(`delete from points where date_part('second', ts) >= 1; analyze points`);
  const few = await sampled();
  expect(new Set(few.places).size).toBe(20);
});
