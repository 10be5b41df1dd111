import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { lookAt, type PartOfLog } from './entry-files.ts';
import type { Answer } from './looking-worker.ts';
import type { Look } from './sound-tile.ts';

const worker = new URL('./looking-worker.ts', import.meta.url);
/** Reading from one disk, more would wait for each other. */
export const MOST_THREADS = 8;
/** A log of fewer entries is looked at sooner than a thread has started. */
const WORTH_A_THREAD = 10_000;

export interface LookingThreads {
  look(part: PartOfLog): Promise<Look>;
  end(): Promise<void>;
}

/** As many threads as there are processors look at parts of exported logs, while whoever asks puts together what they saw. */
export function createLookingThreads(): LookingThreads {
  const threads: LookingThread[] = [];
  return {
    async look(part) {
      if (part.size < WORTH_A_THREAD) return lookAt(part);
      if (threads.length === 0)
        for (let count = Math.min(MOST_THREADS, availableParallelism()); count > 0; count -= 1)
          threads.push(startLookingThread());
      const idlest = threads.reduce((a, b) => (b.asked() < a.asked() ? b : a));
      if (!idlest.hasEnded()) return idlest.look(part);
      // Over what it was asked, of which whoever asked has heard; what is asked now is another matter.
      const instead = startLookingThread();
      threads[threads.indexOf(idlest)] = instead;
      return instead.look(part);
    },
    async end() {
      await Promise.all(threads.map((thread) => thread.end()));
    },
  };
}

interface LookingThread extends LookingThreads {
  /** How many parts it has been asked about and not answered. */
  asked(): number;
  hasEnded(): boolean;
}

function startLookingThread(): LookingThread {
  const thread = new Worker(worker, { name: 'audit log' });
  const asked: PromiseWithResolvers<Look>[] = [];
  let fault: Error | undefined;
  function fail(error: Error): void {
    fault ??= error;
    for (const waiting of asked.splice(0)) waiting.reject(fault);
  }
  thread.on('message', (answer: Answer) => {
    const waiting = asked.shift();
    if ('look' in answer) waiting?.resolve(answer.look);
    else waiting?.reject(answer.error);
  });
  thread.on('error', fail);
  thread.on('exit', () => fail(new Error('a thread that looks at the log ended')));

  return {
    asked: () => asked.length,
    hasEnded: () => fault !== undefined,
    look(part) {
      if (fault) return Promise.reject(fault);
      const answer = Promise.withResolvers<Look>();
      asked.push(answer);
      thread.postMessage(part);
      return answer.promise;
    },
    async end() {
      await thread.terminate();
    },
  };
}
