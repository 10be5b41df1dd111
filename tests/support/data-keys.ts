import { join } from 'node:path';
import { type Clock, systemClock } from '../../server/src/lib/clock.ts';
import type { Database } from '../../server/src/platform/db/database.ts';
import { createTransactions } from '../../server/src/security/audit/transactions.ts';
import { createKeyRing } from '../../server/src/security/crypto/key-ring.ts';
import { openRootKey, type RootKey } from '../../server/src/security/crypto/root-key.ts';
import { sealClearValues } from '../../server/src/security/keys/clear-values.ts';
import type { DataKeys } from '../../server/src/security/keys/data-keys.ts';
import { aRootKey } from '../../server/src/security/keys/keys.builders.ts';
import { openDataKeys } from '../../server/src/security/keys/open-data-keys.ts';

type Pools = Pick<Database, 'inner' | 'maintenance'>;

/** The keys of what lies in a database. Of a root key of its own unless told. */
export async function dataKeysOn(
  { inner, maintenance }: Pools,
  {
    rootKey = aRootKey(),
    dataDir = '/nonexistent',
    clock = systemClock,
  }: { rootKey?: RootKey; dataDir?: string; clock?: Clock } = {},
): Promise<DataKeys> {
  const transactions = createTransactions({ server: inner, maintenance });
  return (await openDataKeys({ transactions, rootKey, keyRing: createKeyRing(rootKey), dataDir, clock })).dataKeys;
}

export const rootKeyOf = ({ dataDir }: { readonly dataDir: string }): RootKey =>
  openRootKey({ dataDir, rootKeyFile: join(dataDir, 'root.key') });

/** Those of a server, from its data folder. */
export const dataKeysOf = (app: { readonly dataDir: string; readonly database: Pools }): Promise<DataKeys> =>
  dataKeysOn(app.database, { dataDir: app.dataDir, rootKey: rootKeyOf(app) });

/** What a test put into the database in clear is sealed, as at a start. */
export const sealClear = ({ inner, maintenance }: Pools, dataKeys: DataKeys): Promise<number> =>
  sealClearValues({
    transactions: createTransactions({ server: inner, maintenance }),
    dataKeys,
    log: { info() {}, error() {} },
  });
