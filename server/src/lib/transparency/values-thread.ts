import { Worker } from 'node:worker_threads';
import type { PartOfLog } from './entry-files.ts';

const worker = new URL('./values-worker.ts', import.meta.url);

export interface ValuesThread {
  /** Where values of this part are not what was logged. One part at a time. */
  falsePositions(part: PartOfLog): Promise<readonly number[]>;
  end(): Promise<void>;
}

/** Comparing the values of an entry costs more than all else about it, so that is done beside the walk through the log. */
export function startValuesThread(): ValuesThread {
  const thread = new Worker(worker, { name: 'audit values' });
  // Of one that fails while nobody waits, the next question hears.
  thread.on('error', () => undefined);
  return {
    falsePositions(part) {
      const { promise, resolve, reject } = Promise.withResolvers<readonly number[]>();
      const ended = () => reject(new Error('the thread that compares values ended'));
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
