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

const pointInTime = z.strictObject({
  off: z
    .enum(['other_database', 'no_place', 'turned_off'])
    .nullable()
    .describe(
      'why no moment can be gone back to: DATABASE_URL names the database; nowhere to send its log; 0 days are set',
    ),
  days: count.describe('how far back'),
  windows: z
    .array(z.strictObject({ from: timestamp, until: timestamp.nullable().describe('null: its log was not sent yet') }))
    .max(20)
    .describe('moments that are reached, newest first: more than one where the log was interrupted'),
  lastBase: z
    .strictObject({ at: timestamp, bytes: count, verified: looked.nullable().describe('with the log behind it') })
    .nullable(),
  nextBase: due.nullable(),
  waitingBytes: count.describe('of the log, not sent yet'),
  stalled: z
    .strictObject({ since: timestamp, fault: field('backup_runs.fault', z.string().max(1000)) })
    .nullable()
    .describe('since when the log cannot be sent, and why'),
});
export type PointInTime = z.infer<typeof pointInTime>;

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
  pointInTime,
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
