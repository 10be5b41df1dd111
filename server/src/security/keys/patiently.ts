import { setTimeout as delay } from 'node:timers/promises';

const SQLITE_BUSY = 5;
const FIRST_WAIT_MS = 5;
const LONGEST_WAIT_MS = 100;

export const isBusy = (error: unknown): boolean => {
  const code = (error as { errcode?: unknown } | undefined)?.errcode;
  // Extended codes have the plain one in their lowest byte.
  return typeof code === 'number' && (code & 0xff) === SQLITE_BUSY;
};

/**
 * Does it again while another process has the file locked, and lets everything else go on meanwhile: SQLite itself would wait with the whole process. What
 * is done must leave nothing behind when it fails. Gives up with the error of SQLite.
 */
export async function patiently<T>(work: () => T, patienceMs: number): Promise<T> {
  const until = performance.now() + patienceMs;
  for (let wait = FIRST_WAIT_MS; ; wait = Math.min(LONGEST_WAIT_MS, wait * 2)) {
    try {
      return work();
    } catch (error) {
      if (!isBusy(error) || performance.now() + wait > until) throw error;
    }
    await delay(wait);
  }
}
