import type { Backup, BackupDrill, PointInTime } from '@valtronics/contract';
import type { Due } from '../../security/backups/due.ts';
import type { BackupRow, BaseRow, DrillRow } from './backup.repository.ts';

export const presentBackup = (row: BackupRow): Backup => ({
  name: row.backup,
  at: row.at.toISOString(),
  place: row.place,
  bytes: row.details.file.bytes,
  rows: row.details.rows,
  recipients: row.details.recipients,
  scheduled: row.scheduled,
  verified: looked(row.verifiedAt, row.verified, row.verifyFault),
  drilled: looked(row.drilledAt, row.drilled, row.drillFault),
});

export const presentBase = (row: BaseRow): NonNullable<PointInTime['lastBase']> => ({
  at: row.at.toISOString(),
  bytes: row.bytes,
  verified: looked(row.verifiedAt, row.verified, row.verifyFault),
});

const looked = (at: Date | null, outcome: 'done' | 'failed' | null, fault: string | null): Backup['verified'] =>
  at && { at: at.toISOString(), isGood: outcome === 'done', fault };

export const presentDrill = (row: DrillRow): BackupDrill => ({
  number: row.number,
  at: row.at.toISOString(),
  backup: row.backup,
  place: row.place,
  seconds: row.details.seconds,
  isGood: row.outcome === 'done',
  checks: [...row.details.checks] as BackupDrill['checks'],
});

export const presentDue = (due: Due | null): { at: string; isOverdue: boolean } | null =>
  due && { at: due.nextAt.toISOString(), isOverdue: due.isOverdue };
