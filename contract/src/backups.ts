import { z } from 'zod';
import { page, pageQuery, timestamp } from './common.ts';
import { endpoint } from './endpoint.ts';
import { field } from './fields.ts';
import { needs, records, unaudited } from './policy.ts';

const count = z.int().nonnegative();
const name = z.string().max(100);
const place = z.string().max(500).describe('a folder of the server, or s3:// with host, bucket and prefix');
const looked = z
  .strictObject({ at: timestamp, isGood: z.boolean(), fault: field('backup_runs.fault', z.string().nullable()) })
  .describe('the last that was found out');

export const backup = z.strictObject({
  name,
  at: timestamp,
  place,
  bytes: count.describe('of the encrypted file'),
  rows: count,
  recipients: count.describe('how many can open it'),
  scheduled: z.boolean(),
  verified: looked.nullable().describe('null: nobody has looked yet'),
  drilled: looked.nullable().describe('null: it was not tried out yet'),
});
export type Backup = z.infer<typeof backup>;

export const backupDrill = z.strictObject({
  number: z.string().max(20).describe('in the order they were begun'),
  at: timestamp,
  backup: name,
  place,
  seconds: z.number().nonnegative().describe('how long a restore takes there'),
  isGood: z.boolean(),
  checks: z.array(
    z.strictObject({
      check: z.enum(['load', 'rows', 'audit_log', 'sealed_values', 'erasures']),
      outcome: z.enum(['passed', 'failed', 'unknown']),
      detail: field('backup_runs.details', z.string()),
    }),
  ),
});
export type BackupDrill = z.infer<typeof backupDrill>;

const due = z.strictObject({ at: timestamp, isOverdue: z.boolean() });

export const backupStatus = z.strictObject({
  place: place.nullable().describe('null: none is set'),
  recipients: count,
  next: due.nullable().describe('null: only when told'),
  nextDrill: due.nullable().describe('null: only when told'),
  everyHours: count,
  drillEveryDays: count.describe('0: only when told, or without an identity'),
  keep: z.strictObject({ daily: count, weekly: count, monthly: count }),
  underWay: z
    .strictObject({
      kind: z.enum(['create', 'drill']),
      startedAt: timestamp,
      bytes: count.describe('done so far'),
      expectedBytes: count.nullable().describe('null: there was none before to tell from'),
    })
    .nullable(),
  lastFailure: z
    .strictObject({ at: timestamp, fault: field('backup_runs.fault', z.string()) })
    .nullable()
    .describe('of a backup that was to be made after the newest one'),
});
export type BackupStatus = z.infer<typeof backupStatus>;

const reading = unaudited('what backups there are, and nothing that is in them');

export const backupsList = endpoint({
  method: 'GET',
  path: '/backups',
  summary: 'Backups that are kept, newest first, and what is due. For the organisation that runs the instance',
  query: z.strictObject({ ...pageQuery }),
  response: page(backup).extend({ status: backupStatus }),
  access: needs('system:admin'),
  rate: 'api',
  audit: reading,
});

export const backupCreate = endpoint({
  method: 'POST',
  path: '/backups',
  summary: 'Make a backup now, as the schedule would. For the organisation that runs the instance',
  body: z.strictObject({}),
  response: z.strictObject({ startedAt: timestamp }),
  access: needs('system:admin'),
  rate: 'api',
  audit: records('backup.requested'),
});

export const backupDrillsList = endpoint({
  method: 'GET',
  path: '/backups/drills',
  summary: 'Drills and what they found, newest first. For the organisation that runs the instance',
  query: z.strictObject({ ...pageQuery }),
  response: page(backupDrill),
  access: needs('system:admin'),
  rate: 'api',
  audit: reading,
});
