import { join } from 'node:path';
import type { Clock } from '../../lib/clock.ts';
import type { Transactions } from '../audit/transactions.types.ts';
import type { KeyRing } from '../crypto/key-ring.ts';
import type { RootKey } from '../crypto/root-key.ts';
import type { OnDamaged } from './damaged-values.ts';
import { createDataKeys, type DataKeys } from './data-keys.ts';
import { type KeyEpochs, openKeyEpochs } from './key-epochs.ts';
import { type KeyStores, keyStoresOf } from './open-key-store.ts';

export interface OpenDataKeys {
  readonly epochs: KeyEpochs;
  readonly dataKeys: DataKeys;
  readonly keyStores: KeyStores;
}

export const keyStoreFileOf = (dataDir: string): string => join(dataDir, 'keys', 'subjects.db');

/** The keys of what lies in the database. Only opens what is there; the first value that is sealed makes what it needs. */
export async function openDataKeys(deps: {
  readonly transactions: Transactions;
  readonly rootKey: RootKey;
  readonly keyRing: KeyRing;
  readonly dataDir: string;
  readonly clock: Clock;
  readonly onDamaged?: OnDamaged;
}): Promise<OpenDataKeys> {
  const { dataDir } = deps;
  const keyStores = keyStoresOf({ ...deps, file: keyStoreFileOf(dataDir) });
  const epochs = await openKeyEpochs({ ...deps, keyStores });
  return { epochs, keyStores, dataKeys: createDataKeys({ ...deps, epochs, subjectKeys: keyStores.ours }) };
}
