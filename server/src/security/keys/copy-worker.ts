import { DatabaseSync } from 'node:sqlite';
import { workerData } from 'node:worker_threads';

// A copy of the key store is written by a thread: with many persons it takes as long as all their keys take to write, and nothing else could go on.

const { file, target, patienceMs } = workerData as { file: string; target: string; patienceMs: number };
const database = new DatabaseSync(file, { timeout: patienceMs, readOnly: true });
try {
  // Written anew from what is there, so that no free page carries along what was.
  database.prepare('vacuum into ?').run(target);
} finally {
  database.close();
}
