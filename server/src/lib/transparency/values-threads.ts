import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import type { PartOfLog } from './entry-files.ts';
import { TILE_WIDTH } from './tiles.ts';

const worker = new URL('./values-worker.ts', import.meta.url);
/** A log is read from one disk and walked by one thread: more than these wait for it. */
const MOST_THREADS = 4;

export interface ValuesThreads {
  /** Where values of this part are not what was logged. One part at a time. */
  falsePositions(part: PartOfLog): Promise<readonly number[]>;
  end(): Promise<void>;
}

/** Comparing the values of an entry costs more than all else about it, so that is done beside the walk through the log, by as many as there are cores. */
export function startValuesThreads(): ValuesThreads {
  const threads = Array.from({ length: Math.min(availableParallelism(), MOST_THREADS) }, startThread);
  return {
    async falsePositions(part) {
      const shares = sharesOf(part, threads.length);
      const found = await Promise.all(shares.map((share, index) => threads[index]?.falsePositions(share) ?? []));
      return found.flat();
    },
    async end() {
      await Promise.all(threads.map((thread) => thread.end()));
    },
  };
}

/** Whole tiles each, since the files are of one. */
function sharesOf({ from, to, ...log }: PartOfLog, count: number): PartOfLog[] {
  const first = Math.floor(from / TILE_WIDTH);
  const tiles = Math.ceil(to / TILE_WIDTH) - first;
  const cut = (index: number): number => (first + Math.ceil((tiles * index) / count)) * TILE_WIDTH;
  return Array.from({ length: count }, (_, index) => ({
    ...log,
    from: Math.max(from, cut(index)),
    to: Math.min(to, cut(index + 1)),
  })).filter((share) => share.from < share.to);
}

function startThread(): ValuesThreads {
  const thread = new Worker(worker, { name: 'audit values' });
  // Of one that fails while nobody waits, the next question hears.
  thread.on('error', () => undefined);
  return {
    falsePositions(part) {
      const { promise, resolve, reject } = Promise.withResolvers<readonly number[]>();
      const ended = () => reject(new Error('a thread that compares values ended'));
      const settle = () => thread.off('message', resolve).off('error', reject).off('exit', ended);
      thread.on('message', resolve).on('error', reject).on('exit', ended);
      thread.postMessage(part);
      return promise.finally(settle);
    },
    async end() {
      await thread.terminate();
    },
  };
}
