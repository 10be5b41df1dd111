import { statSync } from 'node:fs';
import type { Config } from './platform/config/config.ts';
import { folderStorage } from './platform/storage/folder-storage.ts';
import { type Storage, StorageError } from './platform/storage/storage.ts';

/** Where backups go; undefined where none is set. The folder must be there: one that was to be mounted and is not would fill the disk it is to outlive. */
export async function openBackupStorage(
  { backups }: Pick<Config, 'backups'>,
  folder: string | undefined = undefined,
): Promise<Storage | undefined> {
  if (folder === undefined && backups.bucket !== undefined) {
    // Loaded only where it is needed: the client of an object store is large.
    const { bucketStorage } = await import('./platform/storage/bucket-storage.ts');
    return bucketStorage(backups.bucket);
  }
  const place = folder ?? backups.folder;
  if (place === undefined) return undefined;
  if (!statSync(place, { throwIfNoEntry: false })?.isDirectory())
    throw new StorageError(`there is no folder ${place}: make it, or mount what it is on`);
  return folderStorage(place);
}
