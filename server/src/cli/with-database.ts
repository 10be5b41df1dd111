import type pg from 'pg';
import { askServer } from '../control/control-client.ts';
import { systemClock } from '../lib/clock.ts';
import type { Config } from '../platform/config/config.ts';
import type { HostKeys } from '../restored-database.ts';
import { createTransactions } from '../security/audit/transactions.ts';
import type { Transactions } from '../security/audit/transactions.types.ts';
import { createKeyRing } from '../security/crypto/key-ring.ts';
import { unlockRootKey } from '../security/crypto/unlock-root-key.ts';
import { type OpenDataKeys, openDataKeys } from '../security/keys/open-data-keys.ts';
import { asOwner, connectBeside, startDatabase } from '../start-database.ts';
import { CommandError } from './command-error.ts';
import { commandConfig, commandLog, uninterrupted } from './with-platform.ts';

export interface OpenDatabase {
  readonly config: Config;
  readonly transactions: Transactions;
  readonly connection: pg.ClientConfig;
  readonly hostKeys: HostKeys;
  /** What opens what is sealed in it. */
  dataKeys(): Promise<OpenDataKeys>;
  /** As the owner of the schema, whom row-level security does not bind. */
  owner(): Promise<pg.ClientConfig>;
}

export class NoServerError extends CommandError {}

/**
 * The database of this data folder, used by this process itself. With no server running it is started for as long as it takes, unless that could
 * be in the way of a server that starts.
 */
export async function withDatabase<T>(
  work: (open: OpenDatabase) => Promise<T>,
  { startsDatabase = true }: { readonly startsDatabase?: boolean } = {},
): Promise<T> {
  const config = commandConfig();
  const rootKey = await unlockRootKey(config);
  const keyRing = createKeyRing(rootKey);
  const log = commandLog(config);
  const place = await askServer(config.dataDir, 'database.place', { uid: process.getuid?.() ?? 0, input: {} });
  if (place === null && !startsDatabase && config.databaseUrl === undefined)
    throw new NoServerError('no server runs on this data folder');
  return uninterrupted(async () => {
    const running =
      place === null
        ? await startDatabase(config, keyRing, log)
        : { ...(await connectBeside(config, keyRing, place, log)), stop: undefined };
    try {
      const transactions = createTransactions(running.database);
      const owner = () => asOwner(config, keyRing, running.connectionOf('maintenance'));
      const dataKeys = () =>
        openDataKeys({
          transactions: createTransactions({ ...running.database, server: running.database.inner }),
          rootKey,
          keyRing,
          dataDir: config.dataDir,
          clock: systemClock,
        });
      const hostKeys = { rootKey, keyRing, dataDir: config.dataDir };
      const connection = running.connectionOf('maintenance');
      return await work({ config, transactions, connection, hostKeys, dataKeys, owner });
    } finally {
      await (running.stop?.() ?? running.database.close());
    }
  });
}
