import { createThreads } from '../threads.ts';
import { lookAt, type PartOfLog } from './entry-files.ts';
import type { Look } from './sound-tile.ts';

const worker = new URL('./looking-worker.ts', import.meta.url);
/** Reading from one disk, more would wait for each other. */
export const MOST_THREADS = 8;
/** A log of fewer entries is looked at sooner than a thread has started. */
export const WORTH_A_THREAD = 10_000;

export interface LookingThreads {
  look(part: PartOfLog): Promise<Look>;
  end(): Promise<void>;
}

/** Threads look at parts of exported logs, while whoever asks puts together what they saw. */
export function createLookingThreads(): LookingThreads {
  const threads = createThreads<PartOfLog, Look>(worker, { name: 'audit log', most: MOST_THREADS });
  return {
    look: async (part) => (part.size < WORTH_A_THREAD ? lookAt(part) : threads.ask(part)),
    end: threads.end,
  };
}
