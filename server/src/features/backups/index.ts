// Backups: made and tried out by themselves, by children of the server that do what `valtronics backup` does; and shown to who runs it.

import type pg from 'pg';
import type { Clock } from '../../lib/clock.ts';
import type { Config } from '../../platform/config/config.ts';
import { advisoryLocks } from '../../platform/db/advisory-locks.ts';
import { createLeadership } from '../../platform/db/leadership.ts';
import type { Job } from '../../platform/jobs/scheduler.ts';
import type { Logger } from '../../platform/log/log.ts';
import type { Metrics } from '../../platform/metrics/metrics.ts';
import { bucketPlace } from '../../platform/storage/storage.ts';
import type { Transactions } from '../../security/audit/transactions.types.ts';
import type { SecurityEvents } from '../../security/events/security-event.ts';
import type { EndpointGate } from '../../security/gate/endpoint-gate.ts';
import { addBackupRoutes } from './backup.routes.ts';
import { createBackupSchedule, type RunBackupCommand } from './backup.schedule.ts';
import { createLogSending, type LogToSend } from './log-sending.ts';

export function createBackups(deps: {
  gate: EndpointGate;
  settings: Config['backups'];
  transactions: Pick<Transactions, 'readAcross' | 'unaudited'>;
  lockConnection: pg.ClientConfig;
  events: SecurityEvents;
  run: RunBackupCommand;
  /** Undefined where the log of the database is not ours to send. */
  wal: LogToSend | undefined;
  isEmbedded: boolean;
  metrics: Pick<Metrics, 'watch'>;
  clock: Clock;
  log: Logger;
}): { readonly jobs: readonly Job[]; stop(): Promise<void> } {
  const { gate, settings: set, lockConnection, wal, isEmbedded, ...others } = deps;
  const { folder, bucket, recipients, everyHours, drillIdentity, drillEveryDays } = set;
  const settings = {
    place: recipients.length === 0 ? undefined : (folder ?? (bucket && bucketPlace(bucket))),
    everyHours,
    drillEveryDays: drillIdentity === undefined ? 0 : drillEveryDays,
    baseEveryDays: wal ? set.pointInTimeDays : 0,
  };
  const schedule = createBackupSchedule({
    ...others,
    settings,
    chain: () => wal?.chain(),
    leadership: createLeadership(lockConnection, advisoryLocks.backupSchedule),
  });
  const sending = wal && createLogSending({ ...others, wal, place: settings.place });
  const off = !isEmbedded ? 'other_database' : settings.place === undefined ? 'no_place' : !wal ? 'turned_off' : null;
  addBackupRoutes({
    gate,
    schedule,
    settings,
    recipients: recipients.length,
    keep: set.keep,
    pointInTime: { off, days: set.pointInTimeDays, place: settings.place, wal, sending },
    clock: others.clock,
  });
  return { jobs: [schedule.job, ...(sending ? [sending.job] : [])], stop: schedule.stop };
}
