import { systemClock } from '../lib/clock.ts';
import { openBaseBackup } from '../platform/db/base-backup.ts';
import { withClient } from '../platform/db/with-client.ts';
import type { Storage } from '../platform/storage/storage.ts';
import { loadAuditKey } from '../security/audit/audit-key.ts';
import { digestOf } from '../security/backups/manifest.ts';
import { chainStore } from '../security/backups/point-in-time/chain-store.ts';
import { BaseWithoutLogError, createBase, newBaseName } from '../security/backups/point-in-time/create-base.ts';
import { readWalCursor } from '../security/backups/point-in-time/wal-cursor.ts';
import { recordedRun } from '../security/backups/recorded-run.ts';
import { adminBeside } from '../start-database.ts';
import { actorOf } from './backup-place.ts';
import { createByteProgress, inUnits } from './byte-progress.ts';
import { CommandError } from './command-error.ts';
import type { Output } from './output.ts';
import { untilSignal } from './until-signal.ts';
import { withDatabase } from './with-database.ts';

/** `backup create --base`: the files of the embedded database, from which its log leads to any moment after. */
export async function makeBase(
  { storage, recipients, scheduled }: { storage: Storage; recipients: readonly string[]; scheduled: boolean },
  output: Output,
): Promise<void> {
  const store = chainStore(storage);
  const made = await untilSignal(undefined, (signal) =>
    // Without a server there is nobody to send the log, without which a base is nothing.
    withDatabase(
      async ({ config, connection, dataKeys, hostKeys, transactions }) => {
        if (config.databaseUrl !== undefined)
          throw new CommandError('a base is a copy of the embedded database; DATABASE_URL names another');
        const { dataKeys: sealing } = await dataKeys();
        const key = await loadAuditKey({ transactions, dataKeys: sealing, host: config.publicUrl.host });
        const admin = adminBeside(config, connection)();
        const { rows } = await withClient(admin, (client) =>
          client.query<{ server_version: string }>('show server_version'),
        );
        const progress = createByteProgress(output.terminal, undefined);
        const name = newBaseName(systemClock.date());
        const what = { kind: 'base', place: store.place, backup: name, scheduled } as const;
        const base = await openBaseBackup(admin, { isUrgent: !scheduled });
        try {
          return await recordedRun({ transactions, clock: systemClock }, what, async (run) => {
            const { note, signed } = await createBase({
              name,
              base,
              postgres: rows[0]?.server_version ?? '',
              store,
              chain: () => readWalCursor(config.dataDir)?.chain,
              recipients,
              vouching: { key, keyRing: hostKeys.keyRing },
              clock: systemClock,
              signal,
              onProgress(bytes) {
                progress.add(bytes);
                run.add(bytes);
              },
            });
            const who = { organisationId: null, actor: actorOf(scheduled), event: 'backup.base_created' } as const;
            await transactions.system(who, async (tx) => {
              const { chain, file, from } = note;
              const details = { manifest: digestOf(signed), chain, segment: from.segment, file };
              tx.describe({ resource: { kind: 'backup', id: name }, details: { place: store.place, ...details } });
              await run.end(tx, { outcome: 'done', details });
            });
            return note;
          });
        } catch (error) {
          if (signal.aborted) throw new CommandError('stopped: there is no base');
          if (error instanceof BaseWithoutLogError) throw new CommandError(error.message);
          throw error;
        } finally {
          progress.finish();
          await base.close();
        }
      },
      { startsDatabase: false },
    ),
  );
  output.result(
    { ...made, place: store.place },
    `Made ${made.name} in ${store.place}, ${inUnits(made.file.bytes)}: any moment from ${made.endedAt} on can be gone back to, once the log up to it was sent.`,
  );
}
