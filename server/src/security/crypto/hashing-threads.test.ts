import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { constants, getPriority } from 'node:os';
import { describe, expect, it } from 'vitest';
import { createHashingThreads } from './hashing-threads.ts';

const job = (memory: number) => ({
  message: new TextEncoder().encode('nine copper kettles'),
  nonce: randomBytes(16),
  memory,
  passes: 1,
  parallelism: 1,
  tagLength: 32,
});

/** The nice value of every thread of this process (proc_pid_stat(5), field 19). */
function priorities(): number[] {
  return readdirSync('/proc/self/task').map((task) => {
    const stat = readFileSync(`/proc/self/task/${task}/stat`, 'utf8');
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[16]);
  });
}

describe('threads that hash', () => {
  it.skipIf(process.platform !== 'linux')('give way to everything else, and nothing else does', async () => {
    const before = priorities();
    const own = getPriority();
    await createHashingThreads().derive(job(1_024));
    const lowered = priorities().filter((priority) => priority === constants.priority.PRIORITY_BELOW_NORMAL);
    expect(lowered).toHaveLength(
      1 + before.filter((priority) => priority === constants.priority.PRIORITY_BELOW_NORMAL).length,
    );
    expect(getPriority()).toBe(own);
  });

  it('refuse what cannot be done and work on', async () => {
    const threads = createHashingThreads();
    // Less than argon2 allows.
    await expect(threads.derive(job(1))).rejects.toThrow();
    expect(await threads.derive(job(64))).toHaveLength(32);
    const together = await Promise.all(Array.from({ length: threads.count }, () => threads.derive(job(64))));
    expect(new Set(together.map((tag) => tag.toString('hex'))).size).toBe(threads.count);
  });
});
