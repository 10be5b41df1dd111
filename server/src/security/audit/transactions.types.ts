import type { AuditEventName } from '@valtronics/contract';
import type { Scope } from '../../platform/db/transactions.ts';
import type { AuditActor, AuditContext, AuditSubject } from './audit-event.ts';
import type { AuditedTx, Reader, SystemTx, UnauditedReason, UnauditedTx } from './tokens.ts';

/** The answer of a query as COPY writes it in binary; see `platform/db/copy-out.ts`. */
export type CopyOut = (query: string, mostBytes: number) => Promise<Buffer<ArrayBuffer>>;

/**
 * The only way to the database for everything but ingest and migrations. Each function opens one transaction, sets the organisation
 * row-level security works by, and commits when the work resolves.
 */
export interface Transactions {
  /** Reads as one organisation, or as some of its viewers; `null` sees nothing but what the pinned look-up functions give. */
  read<T>(scope: Scope | number | null, work: (reader: Reader) => Promise<T>): Promise<T>;
  /**
   * What `read(null, …)` sees, without a transaction around it: one round trip to the database instead of three. Each statement is one of
   * its own. For the look-up that every request begins with, which is a single statement.
   */
  lookUp<T>(work: (reader: Reader) => Promise<T>): Promise<T>;
  /** For `security/gate` only (checked by the architecture test). Fails if the work described nothing. */
  audited<T>(context: AuditContext, event: AuditEventName, work: (tx: AuditedTx) => Promise<T>): Promise<T>;
  /** For jobs and the command line, as one organisation or (null) across all with the maintenance role. */
  system<T>(
    who: { readonly organisationId: number | null; readonly actor: AuditActor; readonly event: AuditEventName },
    work: (tx: SystemTx) => Promise<T>,
  ): Promise<T>;
  /** The record of a refusal, in a transaction of its own: rolling back what was refused must not roll back that it was. */
  refused(context: AuditContext, event: AuditEventName, subject: AuditSubject): Promise<void>;
  /** As one organisation, or with `null` across all with the maintenance role. */
  unaudited<T>(
    organisationId: number | null,
    reason: UnauditedReason,
    work: (tx: UnauditedTx) => Promise<T>,
  ): Promise<T>;
  /** As the server and for no organisation, on the path of a request: sees and writes only what belongs to none. */
  unowned<T>(reason: UnauditedReason, work: (tx: UnauditedTx) => Promise<T>): Promise<T>;
  /**
   * Reads across organisations with the maintenance role; for jobs, never on a request's path. Each statement sees what is committed when it
   * begins; with `isOneMoment` all see the same.
   */
  readAcross<T>(work: (reader: Reader) => Promise<T>, options?: { readonly isOneMoment?: boolean }): Promise<T>;
  /**
   * As `readAcross` on a connection beside it, with queries answered as bytes, at the moment that was exported by
   * a transaction of one moment that is still open (`pg_export_snapshot`).
   */
  copyAcross<T>(snapshot: string, work: (copy: CopyOut) => Promise<T>): Promise<T>;
}
