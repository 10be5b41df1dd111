import { availableParallelism } from 'node:os';
import { sql } from 'kysely';
import { createThreads } from '../../lib/threads.ts';
import { WORTH_A_THREAD } from '../../lib/transparency/looking-threads.ts';
import type { LogSource } from '../../lib/transparency/verify-log.ts';
import { createTurns } from '../../lib/turns.ts';
import { rowsToCopy, tilesToCopy } from './log-rows.ts';
import type { DatabaseLog } from './log-source.ts';
import { lookAtRows, type PartOfRows, type SeenRows } from './look-at-rows.ts';
import type { Reader } from './tokens.ts';
import type { CopyOut, Transactions } from './transactions.types.ts';

// A live log is copied part by part over some connections, and looked at in as many threads. What is odd at first sight, and erased values are,
// is asked for once more and compared for good.

const worker = new URL('./rows-worker.ts', import.meta.url);
/** With as many threads, it is whoever receives the copies that takes longest. */
export const MOST_COPIES = 3;
/** Of each connection: one arrives while another is looked at. */
const PARTS_OF_A_COPY = 2;

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
  const exported = await sql<{ snapshot: string }>`select pg_export_snapshot() as snapshot`.execute(reader.db);
  const snapshot = exported.rows[0]?.snapshot ?? '';
  const threads = createThreads<PartOfRows, SeenRows>(worker, { name: 'audit log', most: MOST_COPIES });

  const withCopies = <T>(count: number, work: (copies: CopyOut[]) => Promise<T>, copies: CopyOut[] = []): Promise<T> =>
    copies.length === count ? work(copies) : copyAcross(snapshot, (copy) => withCopies(count, work, [...copies, copy]));

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
        const { rows, tiles } = await turns(String(index), async () => ({
          rows: await copy(rowsToCopy(reader, log.place, from, to)),
          tiles: await copy(tilesToCopy(reader, log.place, from, to)),
        }));
        const { sound, odd } = await look({ rows, tiles, from, to, isInstance: log.place.owner === null });
        return { sound, odd: await log.compareRowsAt(odd) };
      },
    };
  }

  return {
    over(log, work) {
      const isShort = log.size < WORTH_A_THREAD;
      const count = isShort ? 1 : Math.min(MOST_COPIES, availableParallelism());
      const look = async (part: PartOfRows) =>
        isShort ? lookAtRows(part) : threads.ask(part, [part.rows.buffer, part.tiles.buffer]);
      return withCopies(count, (copies) => work(sourceOf(log, look, copies)));
    },
    end: threads.end,
  };
}
