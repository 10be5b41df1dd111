import type { AuditKey } from '../audit/audit-key.ts';
import type { DrillCheck } from './drill-checks.ts';
import { signDocument } from './manifest.ts';

// What a drill did and found, signed by the key of the audit log, so that it can be shown to somebody who was not there.

const HEADING = 'valtronics-drill/1';

export interface DrillReport {
  readonly backup: string;
  /** Null, like the digest, where its manifest could not be read. */
  readonly backupAt: string | null;
  /** Digest of its manifest. */
  readonly manifest: string | null;
  readonly place: string;
  readonly startedAt: string;
  /** How long a restore takes here. */
  readonly seconds: number;
  readonly checks: readonly DrillCheck[];
  readonly passed: boolean;
}

export const signReport = (content: DrillReport, key: AuditKey): string => signDocument(HEADING, content, key);
