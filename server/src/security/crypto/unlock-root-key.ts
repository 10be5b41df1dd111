import { join } from 'node:path';
import type { Config } from '../../platform/config/config.ts';
import { secret } from '../../platform/config/secret.ts';
import { makeDataFolder } from '../../platform/db/data-folder.ts';
import { createFileOnce, readPrivateFile } from './private-file.ts';
import { newRootKeyText, openRootKey, type RootKey, RootKeyError } from './root-key.ts';
import { createTransit, type Transit } from './transit.ts';

const WRAPPED_FILE = 'root.key.transit';
const ORIGIN = 'the root key that Transit unwraps';

type Source = Pick<Config, 'dataDir' | 'rootKeyFile' | 'rootKey' | 'transit'>;

/**
 * The root key of this installation, wherever it lies. With Transit only its ciphertext is in the data folder, and the key is in memory alone;
 * Transit is asked here and never again. Throws a RootKeyError or a TransitError, and then has made no key and changed none.
 */
export async function unlockRootKey(source: Source): Promise<RootKey> {
  if (source.transit === undefined) {
    const wrapped = readPrivateFile(join(source.dataDir, WRAPPED_FILE));
    // Without this, a setting that was forgotten would read as a lost key.
    if (wrapped.outcome !== 'absent' && source.rootKey === undefined && !hasKeyFile(source))
      throw new RootKeyError(
        'missing',
        `the root key of ${source.dataDir} is wrapped by Transit (${WRAPPED_FILE}): set VALTRONICS_TRANSIT_KEY and VALTRONICS_TRANSIT_TOKEN`,
      );
    return openRootKey(source);
  }
  const transit = createTransit(source.transit);
  const file = join(source.dataDir, WRAPPED_FILE);
  const wrapped = readPrivateFile(file);
  switch (wrapped.outcome) {
    case 'read':
      return unwrap(source, transit, wrapped.text.trimEnd());
    case 'absent':
      return wrapNow(source, transit, file);
    default:
      throw new RootKeyError(
        'unreadable',
        `${file} cannot be read safely: it must be a file with mode 600 of the user that runs the server`,
      );
  }
}

async function unwrap(source: Source, transit: Transit, ciphertext: string): Promise<RootKey> {
  const text = (await transit.decrypt(ciphertext)).toString('utf8');
  return openRootKey({ ...source, rootKey: secret(text), origin: ORIGIN });
}

/** The first start with Transit: it wraps the key that is there, or on the very first start a new one. */
async function wrapNow(source: Source, transit: Transit, file: string): Promise<RootKey> {
  const isFirstStart =
    !hasKeyFile(source) && readPrivateFile(join(source.dataDir, 'root.key.check')).outcome === 'absent';
  // A key that is there must first prove to be the right one: a wrong one must not be wrapped, nor a lost one be replaced.
  const text = isFirstStart ? newRootKeyText() : existingKeyText(source);
  if (!isFirstStart) openRootKey({ ...source, rootKey: secret(text) });
  const ciphertext = await transit.encrypt(Buffer.from(text));
  // Before somebody deletes the key's file it must be certain that we get the key back.
  if ((await transit.decrypt(ciphertext)).toString('utf8') !== text)
    throw new RootKeyError('malformed', 'Transit gave back another root key than it was given: nothing was changed');
  makeDataFolder(source.dataDir);
  // Two first starts at once: both go on with the ciphertext that came first.
  const kept = createFileOnce(file, `${ciphertext}\n`).trimEnd();
  return unwrap(source, transit, kept);
}

function existingKeyText({ rootKeyFile, dataDir }: Source): string {
  const found = readPrivateFile(rootKeyFile);
  if (found.outcome === 'read') return found.text.trimEnd();
  if (found.outcome === 'absent')
    throw new RootKeyError(
      'missing',
      `${join(dataDir, WRAPPED_FILE)} and ${rootKeyFile} are missing, but ${dataDir} holds data sealed with the key: restore either file from your backup (a new key could not read the data)`,
    );
  throw new RootKeyError(
    'unsafe',
    `${rootKeyFile} cannot be read safely: it must be a file with mode 600 of the user that runs the server`,
  );
}

const hasKeyFile = ({ rootKeyFile }: Source): boolean => readPrivateFile(rootKeyFile).outcome !== 'absent';
