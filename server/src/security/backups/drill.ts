import type { Clock } from '../../lib/clock.ts';
import type { NoteVerifier } from '../../lib/transparency/signed-note.ts';
import type { AuditActor } from '../audit/audit-event.ts';
import type { AuditKey } from '../audit/audit-key.ts';
import type { Transactions } from '../audit/transactions.types.ts';
import { BackupError, type BackupProblem } from './backup-error.ts';
import type { BackupStore } from './backup-store.ts';
import type { DrillCheck } from './drill-checks.ts';
import { type DrillReport, signReport } from './drill-report.ts';
import { assertSigned, digestOf, type ReadManifest, readManifest } from './manifest.ts';
import type { RecordedRun } from './recorded-run.ts';

export interface DrillOfBackup {
  readonly store: BackupStore;
  readonly name: string;
  /** One of these must have signed it. Without them those are believed that the root key opens in the backup itself, as in a restore. */
  readonly keys: readonly NoteVerifier[] | undefined;
  /** Restores it somewhere and looks at it. */
  tryOut(backup: ReadManifest): Promise<DrillCheck[]>;
  /** Signs the report. */
  readonly key: AuditKey;
  readonly transactions: Pick<Transactions, 'system'>;
  readonly end: RecordedRun['end'];
  readonly actor: AuditActor;
  readonly clock: Clock;
}

export interface Drilled {
  readonly report: DrillReport;
  /** What is there is not what was made. */
  readonly damage: string | undefined;
  /** Why the report does not lie beside the backup. It is on record all the same. */
  readonly unkept: unknown;
}

/**
 * Tries a backup out. Whatever comes of it is on record and in a signed report beside the backup. What stops the work itself is thrown: a storage
 * that is away, and an identity or a root key that does not open it, say nothing about the backup, and are no reason to call anybody to it.
 */
export async function drillBackup(drill: DrillOfBackup): Promise<Drilled> {
  const { store, name, keys, key, transactions, actor, clock } = drill;
  const startedAt = clock.date();
  let [manifest, backupAt]: [string | null, string | null] = [null, null];
  let damage: string | undefined;
  let checks: DrillCheck[];
  try {
    const text = await store.manifest(name);
    manifest = digestOf(text);
    const backup = readManifest(text, name);
    backupAt = backup.manifest.at;
    if (keys) assertSigned(backup, keys);
    checks = await drill.tryOut(backup);
  } catch (error) {
    if (!(error instanceof BackupError) || !FINDINGS.has(error.problem)) throw error;
    if (error.problem === 'damaged') damage = error.message;
    checks = [{ check: 'load', outcome: 'failed', detail: error.message.slice(0, 1_000) }];
  }
  const report: DrillReport = {
    backup: name,
    backupAt,
    manifest,
    place: store.place,
    startedAt: startedAt.toISOString(),
    seconds: Math.max(0, Math.round((clock.now() - startedAt.getTime()) / 100) / 10),
    checks,
    passed: checks.every(({ outcome }) => outcome !== 'failed'),
  };
  await transactions.system({ organisationId: null, actor, event: 'backup.drilled' }, async (tx) => {
    tx.describe({ resource: { kind: 'backup', id: name }, details: { ...report } });
    const failed = checks.find(({ outcome }) => outcome === 'failed');
    await drill.end(tx, { outcome: failed ? 'failed' : 'done', fault: failed?.detail, details: report });
  });
  // Behind the transaction, which PostgreSQL ends where nothing happens for a minute: a store may take longer than that.
  const unkept = await store.keepReport(name, startedAt, signReport(report, key)).then(
    () => undefined,
    (error: unknown) => error,
  );
  return { report, damage, unkept };
}

const FINDINGS: ReadonlySet<BackupProblem> = new Set(['damaged', 'stranger', 'inconsistent']);
