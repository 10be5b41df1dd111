import { constants, setPriority } from 'node:os';
import { drillDatabase } from '../drill-database.ts';
import { systemClock } from '../lib/clock.ts';
import { parseVerifier } from '../lib/transparency/signed-note.ts';
import { advisoryLocks } from '../platform/db/advisory-locks.ts';
import { drillDatabaseOf } from '../platform/db/drill-place.ts';
import { createLeadership } from '../platform/db/leadership.ts';
import { loadAuditKey } from '../security/audit/audit-key.ts';
import type { BackupStore } from '../security/backups/backup-store.ts';
import { type Drilled, drillBackup } from '../security/backups/drill.ts';
import type { DrillReport } from '../security/backups/drill-report.ts';
import { recordedRun } from '../security/backups/recorded-run.ts';
import { adminBeside, credentialStore } from '../start-database.ts';
import {
  actorOf,
  chosenName,
  folderOption,
  givenStore,
  identitiesOf,
  identityOption,
  keyOption,
  reportDamage,
  scheduledOption,
} from './backup-place.ts';
import { createByteProgress } from './byte-progress.ts';
import { command } from './command.ts';
import { CommandError, UsageError } from './command-error.ts';
import type { Output } from './output.ts';
import { untilSignal } from './until-signal.ts';
import { keyTexts } from './with-audit-log.ts';
import { withDatabase } from './with-database.ts';
import { commandConfig, commandLog, onHost } from './with-platform.ts';

export const backupDrill = command(
  {
    name: 'backup drill',
    summary: 'Restore a backup into a database that is thrown away, look at it, and sign what was found',
    argument: '[NAME]',
    options: { ...folderOption, ...identityOption, ...keyOption, ...scheduledOption },
    examples: ['backup drill -i key.txt', 'backup drill valtronics-20260301T020000Z-1f2e3d4c -i key.txt'],
    notes:
      'NAME: the newest unless told. A running server goes on, on the same database server. It checks the number of rows, every proof of the audit\nlog, and that values of each sealed column open. The report is put beside the backup, NAME.drill-TIME. Exit code 1 unless all is well, which is also reported as a security event.',
  },
  async ({ argument, values }, output) => {
    const config = commandConfig();
    const store = await givenStore(values.folder, config);
    const files = values.identity ?? (config.backups.drillIdentity === undefined ? [] : [config.backups.drillIdentity]);
    if (files.length === 0)
      throw new UsageError('--identity is missing, and VALTRONICS_BACKUP_DRILL_IDENTITY is not set');
    const identities = identitiesOf(files);
    const name = await chosenName(store, argument);
    const keys = keyTexts(values.key)?.map(parseVerifier);
    const scheduled = values.scheduled ?? false;
    const drilled = await drill({ store, name, identities, keys, scheduled, output });
    await tell(store, name, drilled);
    const { passed, seconds, checks } = drilled.report;
    output.result(
      drilled.report,
      [
        `${name}  ${passed ? 'good' : 'NOT GOOD'}, tried out in ${seconds} s`,
        ...checks.map(({ check, outcome, detail }) => `  ${outcome.padEnd(8)} ${check.replace('_', ' ')}: ${detail}`),
      ].join('\n'),
    );
    if (drilled.unkept !== undefined) throw drilled.unkept;
    // The schedule wants to know whether it was tried out; what came of it has been told.
    if (!passed && !scheduled)
      throw new CommandError(`${name} cannot be relied on: ${failedChecks(drilled.report).join('; ')}`);
  },
);

function drill(what: {
  store: BackupStore;
  name: string;
  identities: readonly string[];
  keys: Parameters<typeof drillBackup>[0]['keys'];
  scheduled: boolean;
  output: Output;
}): Promise<Drilled> {
  const { store, name, identities, keys, scheduled, output } = what;
  // What serves goes first.
  setPriority(constants.priority.PRIORITY_LOW);
  return untilSignal(undefined, (signal) =>
    withDatabase(async ({ config, dataKeys, hostKeys, transactions, connection }) => {
      const only = createLeadership(connection, advisoryLocks.drill);
      try {
        if (!(await only.hold())) throw new CommandError('another drill is under way: one at a time');
        const { dataKeys: sealing } = await dataKeys();
        const key = await loadAuditKey({ transactions, dataKeys: sealing, host: config.publicUrl.host });
        const progress = createByteProgress(output.terminal, undefined);
        const where = {
          admin: adminBeside(config, connection),
          credentials: credentialStore(config, hostKeys.keyRing),
          database: drillDatabaseOf(connection.database ?? ''),
          keys: hostKeys,
        };
        const run = { kind: 'drill', place: store.place, backup: name, scheduled } as const;
        return await recordedRun({ transactions, clock: systemClock }, run, ({ add, end }) =>
          drillBackup({
            store,
            name,
            keys,
            key,
            transactions,
            actor: actorOf(scheduled),
            clock: systemClock,
            end,
            tryOut: (backup) =>
              drillDatabase({
                ...where,
                log: commandLog(config),
                store,
                backup,
                identities,
                signal,
                onProgress(bytes) {
                  progress.add(bytes);
                  add(bytes);
                },
              }),
          }),
        ).finally(progress.finish);
      } catch (error) {
        if (signal.aborted) throw new CommandError('stopped: there is no report');
        throw error;
      } finally {
        await only.release();
      }
    }),
  );
}

/** To detection: what is damaged, and every backup that would not come back. */
async function tell(store: BackupStore, name: string, { report, damage }: Drilled): Promise<void> {
  if (damage !== undefined) await reportDamage(store, name, damage);
  if (report.passed) return;
  await onHost('backups.drill-failed', { name, place: store.place.slice(0, 500), failed: failedChecks(report) });
}

const failedChecks = ({ checks }: DrillReport): string[] =>
  checks
    .filter(({ outcome }) => outcome === 'failed')
    .map(({ check, detail }) => `${check}: ${detail}`.slice(0, 1_000));
