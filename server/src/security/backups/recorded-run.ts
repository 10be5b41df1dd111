import type { Clock } from '../../lib/clock.ts';
import type { WriteTx } from '../audit/tokens.ts';
import type { Transactions } from '../audit/transactions.types.ts';
import { endRun, insertRun, type RunEnd, type RunKind, touchRun } from './backup-run.repository.ts';

/** Who has not said a word for so long is not at it any more. */
export const SILENT_MS = 120_000;
const WORD_EVERY_MS = 2_000;

export interface RecordedRun {
  /** Bytes of rows that were done. */
  add(bytes: number): void;
  /** In the transaction of what comes of it. */
  end(tx: WriteTx, end: Omit<RunEnd, 'now'>): Promise<void>;
}

/** Does something about a backup where others can see how far it is. Work that throws has failed; work that returns has said how it ended. */
export async function recordedRun<T>(
  { transactions, clock }: { readonly transactions: Pick<Transactions, 'unaudited'>; readonly clock: Clock },
  what: {
    readonly kind: RunKind;
    readonly place: string;
    readonly backup: string;
    readonly scheduled: boolean;
  },
  work: (run: RecordedRun) => Promise<T>,
): Promise<T> {
  const write = (change: (tx: WriteTx) => Promise<unknown>) =>
    transactions.unaudited(null, 'backup_runs', async (tx) => void (await change(tx)));
  let number = '';
  await write(async (tx) => {
    number = await insertRun(tx, { ...what, now: clock.date() });
  });
  let bytes = 0;
  let saying: Promise<void> | undefined;
  const timer = setInterval(() => {
    // One that cannot be said is said two seconds later.
    saying ??= write((tx) => touchRun(tx, number, bytes, clock.date()))
      .catch(() => undefined)
      .finally(() => {
        saying = undefined;
      });
  }, WORD_EVERY_MS);
  try {
    return await work({
      add(more) {
        bytes += more;
      },
      end: (tx, end) => endRun(tx, number, { ...end, now: clock.date() }),
    });
  } catch (error) {
    const fault = error instanceof Error ? error.message : String(error);
    // Whoever looks finds a run that nobody is at, which has failed as well.
    await write((tx) => endRun(tx, number, { outcome: 'failed', fault, now: clock.date() })).catch(() => undefined);
    throw error;
  } finally {
    clearInterval(timer);
    await saying;
  }
}
