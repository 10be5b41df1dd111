import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import type { Answered } from './thread-answers.ts';

export interface Threads<Question, Answer> {
  /** What is transferred is the thread's from then on. */
  ask(question: Question, transferred?: readonly ArrayBuffer[]): Promise<Answer>;
  end(): Promise<void>;
}

/** As many threads as there are processors, at most so many, started with the first question. `worker` answers as `thread-answers.ts` does. */
export function createThreads<Question, Answer>(
  worker: URL,
  { name, most }: { readonly name: string; readonly most: number },
): Threads<Question, Answer> {
  const threads: Thread<Question, Answer>[] = [];
  const start = () => startThread<Question, Answer>(worker, name);
  return {
    async ask(question, transferred) {
      if (threads.length === 0)
        for (let count = Math.min(most, availableParallelism()); count > 0; count -= 1) threads.push(start());
      const idlest = threads.reduce((a, b) => (b.asked() < a.asked() ? b : a));
      if (!idlest.hasEnded()) return idlest.ask(question, transferred);
      // Over what it was asked, of which whoever asked has heard; what is asked now is another matter.
      const instead = start();
      threads[threads.indexOf(idlest)] = instead;
      return instead.ask(question, transferred);
    },
    async end() {
      await Promise.all(threads.map((thread) => thread.end()));
    },
  };
}

interface Thread<Question, Answer> extends Threads<Question, Answer> {
  /** How many questions it has been asked and not answered. */
  asked(): number;
  hasEnded(): boolean;
}

function startThread<Question, Answer>(worker: URL, name: string): Thread<Question, Answer> {
  const thread = new Worker(worker, { name });
  const asked: PromiseWithResolvers<Answer>[] = [];
  let fault: Error | undefined;
  function fail(error: Error): void {
    fault ??= error;
    for (const waiting of asked.splice(0)) waiting.reject(fault);
  }
  thread.on('message', (answered: Answered<Answer>) => {
    const waiting = asked.shift();
    if ('answer' in answered) waiting?.resolve(answered.answer);
    else waiting?.reject(answered.error);
  });
  thread.on('error', fail);
  thread.on('messageerror', fail);
  thread.on('exit', () => fail(new Error(`a thread of the ${name} ended`)));

  return {
    asked: () => asked.length,
    hasEnded: () => fault !== undefined,
    ask(question, transferred = []) {
      if (fault) return Promise.reject(fault);
      const answer = Promise.withResolvers<Answer>();
      // Before it counts as asked: of what cannot be sent there is no answer, and the next one would be taken for it.
      thread.postMessage(question, transferred);
      asked.push(answer);
      return answer.promise;
    },
    async end() {
      await thread.terminate();
    },
  };
}
