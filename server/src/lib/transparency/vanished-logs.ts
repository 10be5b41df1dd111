import type { OpenedCheckpoint } from './checkpoint.ts';
import type { LogVerdict } from './verify-log.ts';

/** Logs somebody holds a checkpoint of, and which are not there at all. */
export function vanishedLogs(
  present: readonly string[],
  logged: readonly OpenedCheckpoint[],
  trusted: readonly OpenedCheckpoint[],
): (LogVerdict & { readonly badNotes: number })[] {
  const known = new Set(present);
  const vanished = new Map<string, OpenedCheckpoint>();
  for (const checkpoint of [...logged, ...trusted]) {
    const largest = vanished.get(checkpoint.origin);
    if (!known.has(checkpoint.origin) && (largest === undefined || checkpoint.size >= largest.size))
      vanished.set(checkpoint.origin, checkpoint);
  }
  return [...vanished.values()].map((checkpoint) => ({
    origin: checkpoint.origin,
    size: 0,
    root: checkpoint.root,
    findings: [{ kind: 'truncated', position: 0, before: checkpoint.size }],
    more: [],
    prunedBelow: 0,
    checkpoints: 1,
    trustedSize: trusted.includes(checkpoint) ? checkpoint.size : 0,
    logged: [],
    badNotes: 0,
  }));
}
