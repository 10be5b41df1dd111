import { askServer } from '../control/control-client.ts';
import { parseVerifier } from '../lib/transparency/signed-note.ts';
import { restoreDatabase } from '../restore-database.ts';
import { backupStore } from '../security/backups/backup-store.ts';
import { assertSigned, readManifest } from '../security/backups/manifest.ts';
import { chosenName, folderOption, givenStorage, identitiesOf, identityOption, keyOption } from './backup-place.ts';
import { createByteProgress } from './byte-progress.ts';
import { command } from './command.ts';
import { CommandError, UsageError } from './command-error.ts';
import { restoreAt } from './restore-at.ts';
import { untilSignal } from './until-signal.ts';
import { keyTexts } from './with-audit-log.ts';
import { commandConfig, commandLog, uninterrupted } from './with-platform.ts';

export const backupRestore = command(
  {
    name: 'backup restore',
    summary: 'Restore a backup, which takes its place only once all of it is known to be good',
    argument: '[NAME]',
    options: {
      ...folderOption,
      ...identityOption,
      ...keyOption,
      at: {
        type: 'string',
        value: 'TIME',
        help: 'the embedded database as it was at that moment, such as 2026-03-01T14:30:00Z; NAME is a base then, the newest before it unless told',
      },
      replace: {
        type: 'boolean',
        help: 'put a database that is there already aside; it is kept until the next restore',
      },
    },
    examples: [
      'backup restore valtronics-20260301T020000Z-1f2e3d4c -i key.txt',
      'backup restore --at 2026-03-01T14:30:00Z -i key.txt --replace',
    ],
    notes:
      'Stop the server first. The data folder needs the root key the backup was made under, and nothing else. Everybody signs in again\nafterwards, since sessions that were ended after the backup was made would be open again. See docs/backups.md.',
  },
  async ({ argument, values }, output) => {
    const config = commandConfig();
    if (argument === '' && values.at === undefined)
      throw new UsageError('NAME is missing, or --at for the embedded database as it was at a moment');
    const storage = await givenStorage(values.folder, config);
    const store = backupStore(storage);
    const name = values.at === undefined ? await chosenName(store, argument) : argument;
    if (values.identity === undefined) throw new UsageError('--identity is missing');
    const identities = identitiesOf(values.identity);
    const uid = process.getuid?.() ?? 0;
    if ((await askServer(config.dataDir, 'database.place', { uid, input: {} })) !== null)
      throw new CommandError(`a server runs on ${config.dataDir}: stop it first`);
    const replaces = values.replace ?? false;
    if (values.at !== undefined) {
      const what = { config, storage, at: values.at, name, identities, replaces, uid };
      return restoreAt({ ...what, keys: keyTexts(values.key) }, output);
    }
    const backup = readManifest(await store.manifest(name), name);
    const keys = keyTexts(values.key)?.map(parseVerifier);
    if (keys) assertSigned(backup, keys);
    const progress = createByteProgress(output.terminal, backup.manifest.file.bytes);
    const restored = await untilSignal(undefined, (signal) =>
      uninterrupted(() =>
        restoreDatabase({
          config,
          log: commandLog(config),
          store,
          backup,
          identities,
          replaces,
          uid,
          signal,
          onProgress: progress.add,
        }).catch((error: unknown) => {
          if (signal.aborted) throw new CommandError('stopped: nothing was changed');
          throw error;
        }),
      ),
    ).finally(progress.finish);
    const { rows, endedSessions, aside } = restored;
    const kept = aside === undefined ? '' : ` The database before is kept as ${aside} until the next restore.`;
    output.result(
      { name, ...restored },
      `Restored ${name}: ${rows} rows. ${endedSessions} sessions were ended.${kept} Start the server.`,
    );
  },
);
