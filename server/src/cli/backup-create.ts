import { constants, setPriority } from 'node:os';
import { resolve, sep } from 'node:path';
import { systemClock } from '../lib/clock.ts';
import { openDump } from '../platform/db/dump/dump-tables.ts';
import { loadAuditKey } from '../security/audit/audit-key.ts';
import { backupStore } from '../security/backups/backup-store.ts';
import { makeBackup } from '../security/backups/make-backup.ts';
import { checkRecipients } from '../security/crypto/files/age-keys.ts';
import { makeBase } from './backup-base.ts';
import { actorOf, folderOption, givenStorage, scheduledOption } from './backup-place.ts';
import { createByteProgress, inUnits } from './byte-progress.ts';
import { command } from './command.ts';
import { CommandError, UsageError } from './command-error.ts';
import { givenRecipients, recipientOptions } from './recipients.ts';
import { untilSignal } from './until-signal.ts';
import { withDatabase } from './with-database.ts';
import { commandConfig } from './with-platform.ts';

export const backupCreate = command(
  {
    name: 'backup create',
    summary: 'Back the database up: compressed, encrypted to age recipients, signed',
    options: {
      ...folderOption,
      ...recipientOptions,
      ...scheduledOption,
      base: {
        type: 'boolean',
        help: 'a copy of the embedded database’s files instead, which its log leads on from to any moment after',
      },
      gentle: {
        type: 'boolean',
        help: 'read a quarter of the time and leave the rest to who uses the database, as the server’s own schedule does',
      },
    },
    examples: ['backup create', 'backup create --folder /mnt/backups -r age1…'],
    notes:
      'A running server goes on. Without recipients those of VALTRONICS_BACKUP_RECIPIENTS are taken. The root key is not in it: keep a copy\nof that elsewhere, or the backup opens and what is sealed in it does not. See docs/backups.md.',
  },
  async ({ values }, output) => {
    const config = commandConfig();
    const storage = await givenStorage(values.folder, config);
    const recipients = givenRecipients(values) ?? config.backups.recipients;
    if (recipients.length === 0)
      throw new UsageError('--recipient is missing, and VALTRONICS_BACKUP_RECIPIENTS is not set');
    checkRecipients(recipients);
    const store = backupStore(storage);
    if (`${resolve(store.place)}${sep}`.startsWith(`${resolve(config.dataDir)}${sep}`))
      output.terminal.write(`valtronics: ${store.place} is within the data folder, and is lost with it\n`);
    // What serves goes first.
    setPriority(constants.priority.PRIORITY_LOW);
    if (values.base) return makeBase({ storage, recipients, scheduled: values.scheduled ?? false }, output);
    const made = await untilSignal(undefined, (signal) =>
      withDatabase(async ({ dataKeys, transactions, owner }) => {
        const progress = createByteProgress(output.terminal, undefined);
        const scheduled = values.scheduled ?? false;
        try {
          return await makeBackup({
            store,
            transactions,
            recipients,
            openDump: async () => openDump(await owner()),
            openKey: async () =>
              loadAuditKey({ transactions, dataKeys: (await dataKeys()).dataKeys, host: config.publicUrl.host }),
            actor: actorOf(scheduled),
            scheduled,
            // Somebody who asks for one at the machine is waiting for it.
            isGentle: values.gentle ?? scheduled,
            clock: systemClock,
            onProgress: progress.add,
            signal,
          });
        } catch (error) {
          if (signal.aborted) throw new CommandError('stopped: there is no backup');
          throw error;
        } finally {
          progress.finish();
        }
      }),
    );
    const { contents, file } = made;
    output.result(
      { ...made, place: store.place },
      `Made ${made.name} in ${store.place}: ${contents.rows} rows of ${contents.tables} tables, ${inUnits(file.bytes)}.`,
    );
  },
);
