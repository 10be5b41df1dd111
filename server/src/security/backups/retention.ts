// Which backups are kept. By how many days, weeks and months have one, never by how old one is: a clock that jumps ahead makes all of
// them old at once, and takes one place here.

export interface Keep {
  readonly daily: number;
  readonly weekly: number;
  readonly monthly: number;
}

export interface KeptBackup {
  readonly backup: string;
  readonly at: Date;
  readonly verified: 'done' | 'failed' | null;
  readonly drilled: 'done' | 'failed' | null;
}

/**
 * What may go, given all that are there, newest first. Of each of the last `daily` days that have one the newest stays, likewise of weeks
 * (from Monday) and months, in UTC. The newest stays in any case, and the newest that came back in a drill. One that was found bad takes nobody's
 * place, and stays as evidence until somebody has looked.
 */
export function dispensable(backups: readonly KeptBackup[], { daily, weekly, monthly }: Keep): string[] {
  const good = backups.filter(({ verified, drilled }) => verified !== 'failed' && drilled !== 'failed');
  const kept = new Set<string>();
  const newest = good[0];
  const proven = good.find(({ drilled }) => drilled === 'done');
  for (const one of [newest, proven]) if (one) kept.add(one.backup);
  for (const [most, spanOf] of [
    [daily, dayOf],
    [weekly, weekOf],
    [monthly, monthOf],
  ] as const) {
    const spans = new Set<string>();
    for (const { backup, at } of good) {
      const span = spanOf(at);
      if (spans.has(span)) continue;
      if (spans.size >= most) break;
      spans.add(span);
      kept.add(backup);
    }
  }
  return good.map(({ backup }) => backup).filter((backup) => !kept.has(backup));
}

const DAY_MS = 86_400_000;

const dayOf = (at: Date): string => at.toISOString().slice(0, 10);
const monthOf = (at: Date): string => at.toISOString().slice(0, 7);
/** By its Monday. */
const weekOf = (at: Date): string => dayOf(new Date(at.getTime() - ((at.getUTCDay() + 6) % 7) * DAY_MS));
