import type { Config } from './config.ts';
import { ConfigError } from './config-error.ts';
import { settings } from './settings.ts';

/** A copy of the key store beside a backup of the data opens it for whoever was erased since, and one beside the store is lost with it. */
export function refuseSharedFolders({ keyStoreCopies, dataDir, backups }: Config): void {
  const { folder } = keyStoreCopies;
  const shared = [dataDir, backups.folder].find(
    (other) => folder && other && (`${folder}/`.startsWith(`${other}/`) || `${other}/`.startsWith(`${folder}/`)),
  );
  if (shared === undefined) return;
  throw new ConfigError(
    settings.keyStoreCopyFolder.name,
    `lies with ${shared}`,
    'give a folder on a storage of its own',
  );
}
