// The thread that `hashing-threads.ts` starts: one argon2id at a time, when nobody else wants the core.
import { argon2Sync } from 'node:crypto';
import { constants, setPriority } from 'node:os';
import { parentPort } from 'node:worker_threads';

export interface Argon2Job {
  readonly message: Uint8Array;
  readonly nonce: Uint8Array;
  /** KiB. */
  readonly memory: number;
  readonly passes: number;
  readonly parallelism: number;
  readonly tagLength: number;
}

const port = parentPort;
if (!port) throw new Error('this file is the start of a thread');

// Linux keeps a priority for each thread, and without a number it is that of who calls. Elsewhere it would be that of the whole server.
if (process.platform === 'linux') setPriority(constants.priority.PRIORITY_BELOW_NORMAL);

port.on('message', (job: Argon2Job) => {
  const tag = argon2Sync('argon2id', job);
  port.postMessage(tag);
});
