import { StorageError } from '../../platform/storage/storage.ts';
import { BackupError } from './backup-error.ts';

/** What is read from a store of backups: one that does not answer is a BackupError, too. */
export async function reading<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof StorageError) throw new BackupError('unusable', error.message, { cause: error });
    throw error;
  }
}
