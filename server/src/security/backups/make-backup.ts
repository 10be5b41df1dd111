import { randomBytes } from 'node:crypto';
import type { Clock } from '../../lib/clock.ts';
import type { TableDump } from '../../platform/db/dump/dump-tables.ts';
import type { AuditActor } from '../audit/audit-event.ts';
import type { AuditKey } from '../audit/audit-key.ts';
import type { Transactions } from '../audit/transactions.types.ts';
import type { BackupStore } from './backup-store.ts';
import { createBackup } from './create-backup.ts';
import { clearLeftovers } from './leftovers.ts';
import { digestOf, type Manifest, newBackupName } from './manifest.ts';
import { type RecordedRun, recordedRun } from './recorded-run.ts';

export interface BackupToMake {
  readonly store: BackupStore;
  readonly transactions: Pick<Transactions, 'readAcross' | 'system' | 'unaudited'>;
  readonly recipients: readonly string[];
  openDump(): Promise<TableDump>;
  /** Signs the manifest. */
  openKey(): Promise<AuditKey>;
  readonly actor: AuditActor;
  readonly scheduled: boolean;
  readonly isGentle: boolean;
  readonly clock: Clock;
  /** Bytes of rows, before they are compressed. */
  onProgress(bytes: number): void;
  readonly signal: AbortSignal;
}

/** Makes a backup where others see how far it is, and puts it on record. One that is not on record is none, and is not left lying there. */
export async function makeBackup(making: BackupToMake): Promise<Manifest> {
  const { store, transactions, scheduled, clock } = making;
  const at = clock.date();
  const name = newBackupName(at, randomBytes(4));
  await cleared(making);
  try {
    return await recordedRun(
      { transactions, clock },
      { kind: 'create', place: store.place, backup: name, scheduled },
      (run) => made(making, run, { name, at }),
    );
  } catch (error) {
    await cleared(making);
    throw error;
  }
}

async function made(
  { store, transactions, recipients, openDump, openKey, actor, onProgress, signal, isGentle }: BackupToMake,
  run: RecordedRun,
  which: { readonly name: string; readonly at: Date },
): Promise<Manifest> {
  const key = await openKey();
  const dump = await openDump();
  try {
    const { manifest, signed } = await createBackup({
      ...which,
      dump,
      store,
      recipients,
      key,
      signal,
      isGentle,
      onProgress(bytes) {
        onProgress(bytes);
        run.add(bytes);
      },
    });
    // Behind everything that a store may take long for: PostgreSQL ends a transaction in which nothing happens for a minute.
    await transactions.system({ organisationId: null, actor, event: 'backup.created' }, async (tx) => {
      const { name, file, contents } = manifest;
      const details = { manifest: digestOf(signed), file, rows: contents.rows, recipients: manifest.recipients };
      tx.describe({ resource: { kind: 'backup', id: name }, details: { place: store.place, ...details } });
      const more = { tables: contents.tables, bytes: contents.bytes };
      await run.end(tx, { outcome: 'done', details: { ...details, ...more } });
    });
    return manifest;
  } finally {
    await dump.close();
  }
}

/** A backup does not fail for what is left of another; where it cannot be removed, throwing away fails next, which is told. */
const cleared = (making: BackupToMake): Promise<void> => clearLeftovers(making).catch(() => undefined);
