import type { Logger } from '../../platform/log/log.ts';
import type { Transactions } from '../audit/transactions.types.ts';
import { SealError } from '../crypto/sealed-value.ts';
import { type ClearColumn, type ClearRow, countClear, listClear, sealClear } from './clear-value.repository.ts';
import type { DataKeys } from './data-keys.ts';
import { indexedText, placeOf, type SealedColumn, sealedColumns } from './sealed-columns.ts';

// What a release before kept in clear, and what comes back from a backup of it. A migration cannot seal it, since no key is in the database: the server
// does, before its doors open. Each value is replaced in one statement, a batch in one transaction, so it can be killed at any moment, goes on where it
// was, and two servers that start at once only share the work. What cannot be sealed stays, is told, and keeps no server from starting: the next start
// tries again.

const BATCH_ROWS = 500;
const TELL_EVERY_MS = 5_000;
const MOST_NAMED = 20;
const UNIQUE_VIOLATION = '23505';

type Value = Parameters<typeof sealClear>[2];

/** Seals what stands in clear. Returns how many values that were. Aborting ends it after the batch under way, with the reason of the signal. */
export async function sealClearValues(deps: {
  readonly transactions: Pick<Transactions, 'readAcross' | 'unaudited'>;
  readonly dataKeys: Pick<DataKeys, 'seal' | 'sealIndexed'>;
  readonly log: Pick<Logger, 'info' | 'error'>;
  readonly signal?: AbortSignal | undefined;
  readonly batchRows?: number;
}): Promise<number> {
  const { transactions, dataKeys, log, signal, batchRows = BATCH_ROWS } = deps;
  const columns = sealedColumns.filter(isClear);
  let total = 0;
  for (const column of columns) total += await transactions.readAcross((reader) => countClear(reader, column));
  if (total === 0) return 0;
  log.info({ values: total }, 'sealing what an older release kept in clear');

  /** Undefined for whom there is no key: the key store is missing, or theirs was destroyed and their row not yet removed again. */
  async function sealed(column: ClearColumn, row: ClearRow): Promise<Value | undefined> {
    const { key, text } = row;
    const [place, subject] = [placeOf(column, row), row.subject ?? undefined];
    try {
      return column.index === undefined
        ? { key, text, sealed: await dataKeys.seal(text, place, subject), index: undefined }
        : {
            key,
            text,
            ...(await dataKeys.sealIndexed(text, place, column.index, {
              subject,
              indexed: indexedText(text, row.indexedWith),
            })),
          };
    } catch (error) {
      if (subject !== undefined && error instanceof SealError && error.problem === 'no-key') return undefined;
      throw error;
    }
  }

  /** Whether it was put there; not where another row has the same, of a server of the older release that still ran after the update. */
  async function isPut(column: ClearColumn, values: readonly Value[]): Promise<boolean> {
    try {
      await transactions.unaudited(null, 'reseal', async (tx) => {
        for (const value of values) await sealClear(tx, column, value);
      });
      return true;
    } catch (error) {
      if ((error as { code?: unknown }).code === UNIQUE_VIOLATION) return false;
      throw error;
    }
  }

  let [done, toldAt] = [0, performance.now()];
  for (const column of columns) {
    const left: string[] = [];
    for (let after: string | undefined; ; ) {
      signal?.throwIfAborted();
      const from = after;
      const rows = await transactions.readAcross((reader) =>
        listClear(reader, column, { after: from, limit: batchRows }),
      );
      after = rows.at(-1)?.key;
      if (after === undefined) break;
      // Outside of a transaction: computing holds no lock.
      const values: Value[] = [];
      for (const row of rows) {
        const value = await sealed(column, row);
        if (value === undefined) left.push(row.key);
        else values.push(value);
      }
      if (await isPut(column, values)) done += values.length;
      else
        for (const value of values) {
          if (await isPut(column, [value])) done += 1;
          else left.push(value.key);
        }
      if (performance.now() - toldAt < TELL_EVERY_MS) continue;
      toldAt = performance.now();
      log.info({ done, values: total }, 'sealing what an older release kept in clear');
    }
    if (left.length > 0) {
      const where = { table: column.table, column: column.clear, values: left.length, ids: left.slice(0, MOST_NAMED) };
      log.error(where, 'left in clear: there is no key for them, or another row has the same');
    }
  }
  log.info({ values: done }, 'what an older release kept in clear is sealed');
  return done;
}

const isClear = (column: SealedColumn): column is ClearColumn => column.clear !== undefined;
