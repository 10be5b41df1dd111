import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import type { Argon2Job } from './hashing-worker.ts';

/** Each holds up to 64 MiB while it works, so also a large machine has few. */
const MOST = 4;

const worker = new URL('./hashing-worker.ts', import.meta.url);

export interface HashingThreads {
  /** How many hashes are made at once; who asks for more waits in line outside. */
  readonly count: number;
  /** The same while one core is to be left to everything else; at least one. */
  readonly countAtWork: number;
  /** The tag; at most `count` at once. */
  derive(job: Argon2Job): Promise<Buffer>;
}

/**
 * Threads that make argon2id hashes, started when they are needed and kept. They are our own and not libuv's so that they can have a lower
 * priority: a storm of sign-ins then takes the processor's time that ingest and the database leave, instead of a share as large as
 * theirs. An idle thread keeps no process alive.
 */
export function createHashingThreads(): HashingThreads {
  const cores = availableParallelism();
  const idle: Worker[] = [];

  function start(): Worker {
    const started = new Worker(worker, { name: 'argon2id' });
    // One that ends while it has nothing to do must not be handed out again.
    started.on('exit', () => {
      const at = idle.indexOf(started);
      if (at >= 0) idle.splice(at, 1);
    });
    // Said to who waits for it, below; without a listener an error between two hashes would end the server.
    started.on('error', () => undefined);
    return started;
  }

  return {
    count: Math.min(MOST, cores),
    countAtWork: Math.max(1, Math.min(MOST, cores - 1)),
    derive(job) {
      const thread = idle.pop() ?? start();
      const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
      function settle(): void {
        thread.off('message', answered).off('error', reject).off('exit', ended);
        thread.unref();
      }
      function answered(tag: Uint8Array): void {
        settle();
        idle.push(thread);
        resolve(Buffer.from(tag.buffer, tag.byteOffset, tag.byteLength));
      }
      function ended(): void {
        settle();
        reject(new Error('a thread that hashes passwords ended'));
      }
      thread.on('message', answered).on('error', reject).on('exit', ended);
      thread.ref();
      thread.postMessage(job);
      return promise;
    },
  };
}
