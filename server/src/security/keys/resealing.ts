import type { Transactions } from '../audit/transactions.types.ts';
import { SealError } from '../crypto/sealed-value.ts';
import type { DataKeys } from './data-keys.ts';
import type { KeyEpochs } from './key-epochs.ts';
import { countSealed, listSealedOtherwise, replaceSealed, type SealedRow } from './resealing.repository.ts';
import { indexedText, placeOf, type SealedColumn, sealedColumns } from './sealed-columns.ts';

// The second half of a rotation: what was sealed under older epochs is sealed again under the active one, while everybody reads and writes. Nothing
// keeps count but the values, which name their epoch. So it can be killed at any moment and begun again by anybody, and two at once only share the work.

const BATCH_ROWS = 100;
/** A server that did not know of the new epoch yet may seal behind our back; it knows after half a minute. */
const MOST_PASSES = 10;
const VERSION = 2;

export interface ResealingProgress {
  /** Values under the active epoch. */
  readonly done: number;
  readonly total: number;
}

export interface Resealing {
  /** How many values each epoch has sealed, all columns together. */
  countByEpoch(): Promise<ReadonlyMap<number, number>>;
  /**
   * Seals again whatever is of another epoch than the active one, 100 values at a time. `unreadable`: values that open under no key there is; they
   * stay as they are, and keep their epoch from being retired. Aborting ends it after the batch under way, with the reason of the signal.
   */
  run(options?: {
    readonly signal?: AbortSignal;
    readonly onProgress?: (progress: ResealingProgress) => void;
    readonly batchRows?: number;
  }): Promise<{ readonly unreadable: number }>;
}

export function createResealing(deps: {
  readonly transactions: Transactions;
  readonly epochs: Pick<KeyEpochs, 'active'>;
  readonly dataKeys: Pick<DataKeys, 'seal' | 'sealIndexed' | 'open'>;
}): Resealing {
  const { transactions, epochs, dataKeys } = deps;

  async function countByEpoch(): Promise<Map<number, number>> {
    const found = new Map<number, number>();
    for (const column of sealedColumns) {
      for (const { epoch, values } of await transactions.readAcross((reader) => countSealed(reader, column)))
        found.set(epoch, (found.get(epoch) ?? 0) + values);
    }
    return found;
  }

  /** Sealed anew, or undefined for what does not open. */
  async function again(
    column: SealedColumn,
    row: SealedRow,
  ): Promise<{ after: Buffer; index: Buffer | undefined } | undefined> {
    const [place, subject] = [placeOf(column, row), row.subject ?? undefined];
    try {
      const value = await dataKeys.open(row.sealed, place, subject);
      if (column.index === undefined) return { after: await dataKeys.seal(value, place, subject), index: undefined };
      const text = value.toString();
      const { sealed: after, index } = await dataKeys.sealIndexed(text, place, column.index, {
        subject,
        indexed: indexedText(text, row.indexedWith),
      });
      return { after, index };
    } catch (error) {
      if (error instanceof SealError) return undefined;
      throw error;
    }
  }

  return {
    countByEpoch,

    async run({ signal, onProgress, batchRows = BATCH_ROWS } = {}) {
      const { epoch: wanted } = await epochs.active();
      const counted = await countByEpoch();
      const total = [...counted.values()].reduce((sum, values) => sum + values, 0);
      let done = counted.get(wanted) ?? 0;
      onProgress?.({ done, total });

      /** One walk through a column, however it changes meanwhile: it ends with the highest key. */
      async function walk(column: SealedColumn, header: Buffer): Promise<{ changed: number; unreadable: number }> {
        let [changed, unreadable] = [0, 0];
        let after: string | undefined;
        for (;;) {
          signal?.throwIfAborted();
          const from = after;
          const rows = await transactions.readAcross((reader) =>
            listSealedOtherwise(reader, column, { header, after: from, limit: batchRows }),
          );
          // Outside of a transaction: computing holds no lock.
          const renewed: Parameters<typeof replaceSealed>[2][] = [];
          for (const row of rows) {
            const anew = await again(column, row);
            if (anew === undefined) unreadable += 1;
            else renewed.push({ key: row.key, before: row.sealed, ...anew });
          }
          if (renewed.length > 0) {
            await transactions.unaudited(null, 'reseal', async (tx) => {
              for (const value of renewed) await replaceSealed(tx, column, value);
            });
          }
          changed += renewed.length;
          done = Math.min(done + renewed.length, total);
          if (rows.length > 0) onProgress?.({ done, total });
          after = rows.at(-1)?.key;
          if (after === undefined) return { changed, unreadable };
        }
      }

      for (let pass = 1; pass <= MOST_PASSES; pass += 1) {
        let [changed, unreadable] = [0, 0];
        // Asked again for each: somebody may have made another meanwhile.
        const { epoch } = await epochs.active();
        const header = Buffer.from([VERSION, 0, 0, 0, 0]);
        header.writeUInt32BE(epoch, 1);
        for (const column of sealedColumns) {
          const walked = await walk(column, header);
          changed += walked.changed;
          unreadable += walked.unreadable;
        }
        if (changed === 0) return { unreadable };
      }
      throw new Error(
        'values are sealed under an older key epoch again and again: is a server of an older version running?',
      );
    },
  };
}
