import { existsSync, realpathSync, statSync } from 'node:fs';
import { join, sep } from 'node:path';
import type { Config } from '../../platform/config/config.ts';

/** Where the root key lies, for whoever is to move it (docs/root-key.md). */
export interface RootKeyPlace {
  readonly kind: 'file' | 'mounted' | 'transit';
  readonly place: string;
  /** Whoever takes the data folder or its disk has both. */
  readonly beside: 'data_folder' | 'same_disk' | null;
  /** With Transit: the file it was in before, if it is still there. */
  readonly leftBehind: { readonly place: string } | null;
}

/** Looked for anew each time: a file that is moved or deleted meanwhile is so at once. */
export function findRootKey(
  config: Pick<Config, 'dataDir' | 'rootKeyFile' | 'rootKeyMount' | 'transit'>,
): RootKeyPlace {
  const { dataDir, rootKeyFile, rootKeyMount, transit } = config;
  if (transit !== undefined) {
    const { origin, mount, keyName } = transit.key;
    const left = [rootKeyFile, join(dataDir, 'root.key')].find((file) => existsSync(file));
    return {
      kind: 'transit',
      place: `${origin}/v1/${mount}/keys/${keyName}`,
      beside: null,
      leftBehind: left === undefined ? null : { place: left },
    };
  }
  const place = rootKeyMount ?? rootKeyFile;
  return {
    kind: rootKeyMount === undefined ? 'file' : 'mounted',
    place,
    beside: besideOf(dataDir, place),
    leftBehind: null,
  };
}

/** Links are followed: where the bytes are is what counts. A file that is not there any more lies beside nothing. */
function besideOf(dataDir: string, file: string): RootKeyPlace['beside'] {
  try {
    if (realpathSync(file).startsWith(`${realpathSync(dataDir)}${sep}`)) return 'data_folder';
    return statSync(file).dev === statSync(dataDir).dev ? 'same_disk' : null;
  } catch {
    return null;
  }
}
