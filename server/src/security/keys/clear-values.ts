import type { Logger } from '../../platform/log/log.ts';
import type { Transactions } from '../audit/transactions.types.ts';
import { type ClearColumn, countClear, listClear, sealClear } from './clear-value.repository.ts';
import type { DataKeys } from './data-keys.ts';
import { placeOf, type SealedColumn, sealedColumns, subjectOf } from './sealed-columns.ts';

// What a release before kept in clear, and what comes back from a backup of it. A migration cannot seal it, since no key is in the database: the server
// does, before its doors open. Each value is replaced in one statement, a batch in one transaction, so it can be killed at any moment, goes on where it
// was, and two servers that start at once only share the work.

const BATCH_ROWS = 500;
const TELL_EVERY_MS = 5_000;

/** Seals what stands in clear. Returns how many values that were. Aborting ends it after the batch under way, with the reason of the signal. */
export async function sealClearValues(deps: {
  readonly transactions: Pick<Transactions, 'readAcross' | 'unaudited'>;
  readonly dataKeys: Pick<DataKeys, 'seal' | 'sealIndexed'>;
  readonly log: Pick<Logger, 'info'>;
  readonly signal?: AbortSignal | undefined;
  readonly batchRows?: number;
}): Promise<number> {
  const { transactions, dataKeys, log, signal, batchRows = BATCH_ROWS } = deps;
  const columns = sealedColumns.filter(isClear);
  let total = 0;
  for (const column of columns) total += await transactions.readAcross((reader) => countClear(reader, column));
  if (total === 0) return 0;
  log.info({ values: total }, 'sealing what an older release kept in clear');

  let [done, toldAt] = [0, performance.now()];
  for (const column of columns) {
    for (;;) {
      signal?.throwIfAborted();
      const rows = await transactions.readAcross((reader) => listClear(reader, column, batchRows));
      if (rows.length === 0) break;
      // Outside of a transaction: computing holds no lock.
      const values: Parameters<typeof sealClear>[2][] = [];
      for (const row of rows) {
        const { key, text } = row;
        const [place, subject] = [placeOf(column, row), subjectOf(column, row)];
        values.push(
          column.index === undefined
            ? { key, text, sealed: await dataKeys.seal(text, place, subject), index: undefined }
            : { key, text, ...(await dataKeys.sealIndexed(text, place, column.index, subject)) },
        );
      }
      await transactions.unaudited(null, 'reseal', async (tx) => {
        for (const value of values) await sealClear(tx, column, value);
      });
      done += rows.length;
      if (performance.now() - toldAt < TELL_EVERY_MS) continue;
      toldAt = performance.now();
      log.info({ done, values: total }, 'sealing what an older release kept in clear');
    }
  }
  log.info({ values: done }, 'what an older release kept in clear is sealed');
  return done;
}

const isClear = (column: SealedColumn): column is ClearColumn => column.clear !== undefined;
