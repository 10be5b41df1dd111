import { availableParallelism } from 'node:os';
import { sql } from 'kysely';
import { createThreads } from '../../lib/threads.ts';
import { WORTH_A_THREAD } from '../../lib/transparency/looking-threads.ts';
import type { Look } from '../../lib/transparency/sound-tile.ts';
import { TILE_WIDTH } from '../../lib/transparency/tiles.ts';
import type { Finding, LogSource } from '../../lib/transparency/verify-log.ts';
import { createTurns } from '../../lib/turns.ts';
import { CopyTooLargeError } from '../../platform/db/copy-out.ts';
import { LONG_WAIT } from '../../platform/db/transactions.ts';
import { hasOwnColumns } from './log-columns.ts';
import { rowsToCopy, tilesToCopy } from './log-rows.ts';
import type { DatabaseLog } from './log-source.ts';
import { lookAtRows, type PartOfRows, type SeenRows } from './look-at-rows.ts';
import type { Reader } from './tokens.ts';
import type { CopyOut, Transactions } from './transactions.types.ts';

// A live log is copied part by part over some connections, and looked at in as many threads. What is odd at first sight, and erased values are,
// is asked for once more and compared for good; so is all of a part that is larger than any of ours, and of a log whose columns are not ours.

const worker = new URL('./rows-worker.ts', import.meta.url);
/** With as many threads, it is whoever receives the copies that takes longest. */
export const MOST_COPIES = 3;
/** Of each connection: one arrives while another is looked at. */
const PARTS_OF_A_COPY = 2;
/** A part of usual events has some four million. */
const MOST_BYTES = 64 * 1024 * 1024;
const ROWS_AT_ONCE = TILE_WIDTH;

export interface RowLooks {
  /** Calls `work` with a log that can be walked. */
  over<T>(log: DatabaseLog, work: (source: LogSource) => Promise<T>): Promise<T>;
  end(): Promise<void>;
}

/** `reader` is of one moment, which all the copies are of as well. */
export async function createRowLooks(
  reader: Reader,
  { copyAcross }: Pick<Transactions, 'copyAcross'>,
): Promise<RowLooks> {
  const isCopied = await hasOwnColumns(reader);
  const exported = await sql<{ snapshot: string }>`
    select pg_export_snapshot() as snapshot, set_config('idle_in_transaction_session_timeout', ${LONG_WAIT}, true)`.execute(
    reader.db,
  );
  const snapshot = exported.rows[0]?.snapshot ?? '';
  const threads = createThreads<PartOfRows, SeenRows>(worker, { name: 'audit log', most: MOST_COPIES });

  const withCopies = <T>(count: number, work: (copies: CopyOut[]) => Promise<T>, copies: CopyOut[] = []): Promise<T> =>
    copies.length === count ? work(copies) : copyAcross(snapshot, (copy) => withCopies(count, work, [...copies, copy]));

  /** Some rows at a time, which bounds what is in memory; the leaves are walked. */
  async function comparedSlowly(log: DatabaseLog, from: number, to: number): Promise<Look> {
    const odd: Finding[] = [];
    for (let first = from; first < to; first += ROWS_AT_ONCE)
      odd.push(...(await log.compareRows(first, Math.min(to, first + ROWS_AT_ONCE))));
    return { sound: [], odd };
  }

  async function comparedAt(log: DatabaseLog, positions: readonly number[]): Promise<Finding[]> {
    const odd: Finding[] = [];
    for (let first = 0; first < positions.length; first += ROWS_AT_ONCE)
      odd.push(...(await log.compareRowsAt(positions.slice(first, first + ROWS_AT_ONCE))));
    return odd;
  }

  function sourceOf(log: DatabaseLog, look: (part: PartOfRows) => Promise<SeenRows>, copies: CopyOut[]): LogSource {
    const looksAtOnce = PARTS_OF_A_COPY * copies.length;
    const turns = createTurns(PARTS_OF_A_COPY);
    let asked = 0;
    return {
      ...log,
      looksAtOnce,
      async look(from, to) {
        const index = asked % copies.length;
        asked += 1;
        const copy = copies[index] as CopyOut;
        const copied = await turns(String(index), async () => ({
          rows: await copy(rowsToCopy(reader, log.place, from, to), MOST_BYTES),
          tiles: await copy(tilesToCopy(reader, log.place, from, to), MOST_BYTES),
        })).catch((error: unknown) => {
          if (error instanceof CopyTooLargeError) return undefined;
          throw error;
        });
        if (copied === undefined) return comparedSlowly(log, from, to);
        const { sound, odd } = await look({ ...copied, from, to, isInstance: log.place.owner === null });
        return { sound, odd: await comparedAt(log, odd) };
      },
    };
  }

  return {
    over(log, work) {
      if (!isCopied) return work({ ...log, looksAtOnce: 1, look: (from, to) => comparedSlowly(log, from, to) });
      const isShort = log.size < WORTH_A_THREAD;
      const count = isShort ? 1 : Math.min(MOST_COPIES, availableParallelism());
      const look = async (part: PartOfRows) =>
        isShort ? lookAtRows(part) : threads.ask(part, [part.rows.buffer, part.tiles.buffer]);
      return withCopies(count, (copies) => work(sourceOf(log, look, copies)));
    },
    end: threads.end,
  };
}
