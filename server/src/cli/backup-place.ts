import { openBackupStorage } from '../backup-storage.ts';
import { parseVerifier } from '../lib/transparency/signed-note.ts';
import type { Config } from '../platform/config/config.ts';
import { type Storage, StorageError } from '../platform/storage/storage.ts';
import type { AuditActor } from '../security/audit/audit-event.ts';
import { type BackupStore, backupStore } from '../security/backups/backup-store.ts';
import { assertSigned, backupName, type ReadManifest, readManifest } from '../security/backups/manifest.ts';
import { identitiesIn } from '../security/crypto/files/age-keys.ts';
import { CommandError, UsageError } from './command-error.ts';
import { privateText } from './given-passphrase.ts';
import { onHost } from './with-platform.ts';

// What the commands of `backup` share.

export const folderOption = {
  folder: {
    type: 'string',
    value: 'DIR',
    help: 'where backups are; VALTRONICS_BACKUP_FOLDER or VALTRONICS_S3_URL unless told',
  },
} as const;

export const identityOption = {
  identity: {
    type: 'string',
    short: 'i',
    multiple: true,
    value: 'FILE',
    help: 'an age identity that can open it, as age-keygen writes it (mode 600)',
  },
} as const;

export const keyOption = {
  key: {
    type: 'string',
    multiple: true,
    value: 'KEY',
    help: 'public key of the audit log that must have signed it, or a file that holds it',
  },
} as const;

export const scheduledOption = {
  scheduled: { type: 'boolean', help: 'as the server’s own schedule does it, which is how it stands in the audit log' },
} as const;

export const actorOf = (scheduled: boolean | undefined): AuditActor =>
  scheduled
    ? { kind: 'system', id: 'backups', label: null }
    : { kind: 'cli', id: `cli:${process.getuid?.() ?? 0}`, label: null };

export async function givenStorage(folder: string | undefined, config: Config): Promise<Storage> {
  try {
    const storage = await openBackupStorage(config, folder);
    if (storage) return storage;
  } catch (error) {
    throw error instanceof StorageError ? new CommandError(error.message) : error;
  }
  throw new UsageError('--folder is missing, and neither VALTRONICS_BACKUP_FOLDER nor VALTRONICS_S3_URL is set');
}

export const givenStore = async (folder: string | undefined, config: Config): Promise<BackupStore> =>
  backupStore(await givenStorage(folder, config));

export const identitiesOf = (files: readonly string[] | undefined): string[] =>
  (files ?? []).flatMap((file) => identitiesIn(privateText(file), file));

/** The one that was named, or the newest. */
export async function chosenName(store: BackupStore, given: string): Promise<string> {
  if (given === '') {
    const newest = (await store.names()).at(-1);
    if (newest === undefined) throw new CommandError(`there is no backup in ${store.place}`);
    return newest;
  }
  if (!backupName.safeParse(given).success)
    throw new UsageError(`${JSON.stringify(given.slice(0, 80))} is no name of a backup: "backup list" shows them`);
  return given;
}

/** Somebody named what nobody has heard of: not there, and not on record as made there. */
export const unknownBackup = (name: string, { place }: Pick<BackupStore, 'place'>): CommandError =>
  new CommandError(`there is no ${name} in ${place}: "backup list" shows them`);

/** Reads a manifest; with keys, one of them must have signed it. */
export async function openManifest(store: BackupStore, name: string, keys?: readonly string[]): Promise<ReadManifest> {
  const read = readManifest(await store.manifest(name), name);
  if (keys) assertSigned(read, keys.map(parseVerifier));
  return read;
}

/** To detection, by the server or in its place. */
export async function reportDamage({ place }: Pick<BackupStore, 'place'>, name: string, fault: string): Promise<void> {
  await onHost('backups.damaged', { name, place: place.slice(0, 500), fault: fault.slice(0, 1_000) });
}
