import { Worker } from 'node:worker_threads';
import { falsePositions, type PartOfLog } from './entry-files.ts';

const worker = new URL('./values-worker.ts', import.meta.url);

export interface ValuesThread {
  /** Where values of this part are not what was logged. */
  falsePositions(part: PartOfLog): Promise<readonly number[]>;
  end(): Promise<void>;
}

/**
 * Comparing the values of an entry costs about as much as all else about it, so a thread does that beside the walk through the log. While it
 * has a part, or is still starting, the next one is compared here: whichever of the two is slower, both are busy until the end.
 */
export function startValuesThread(): ValuesThread {
  const thread = new Worker(worker, { name: 'audit values' });
  let isFree = true;
  let asked: PromiseWithResolvers<readonly number[]> | undefined;
  thread.on('message', (positions: readonly number[]) => {
    isFree = true;
    asked?.resolve(positions);
  });
  thread.on('error', (error) => asked?.reject(error));
  // From then on everything is compared here.
  thread.on('exit', () => {
    isFree = false;
    asked?.reject(new Error('the thread that compares values ended'));
  });

  return {
    async falsePositions(part) {
      if (!isFree) return falsePositions(part);
      isFree = false;
      asked = Promise.withResolvers();
      thread.postMessage(part);
      return asked.promise;
    },
    async end() {
      await thread.terminate();
    },
  };
}
