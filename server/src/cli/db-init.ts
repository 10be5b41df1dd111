import { createKeyRing } from '../security/crypto/key-ring.ts';
import { unlockRootKey } from '../security/crypto/unlock-root-key.ts';
import { prepareDatabase } from '../start-database.ts';
import { command } from './command.ts';
import { commandConfig } from './with-platform.ts';

export const dbInit = command(
  {
    name: 'db init',
    summary: 'Prepare your own PostgreSQL: its database, its four roles and the schema',
    options: {},
    examples: ['db init'],
    notes:
      'DATABASE_URL names the server, the database and an account that may create roles and databases. The accounts the\nplatform then uses are kept sealed in the data folder. The embedded database prepares itself.',
  },
  async (_, output) => {
    const config = commandConfig();
    const { database, applied } = await prepareDatabase(config, createKeyRing(await unlockRootKey(config)));
    output.result(
      { database, applied },
      `The database ${database} is ready${applied.length === 0 ? '' : ` (applied ${applied.join(', ')})`}. Start the platform with an account of the same DATABASE_URL.`,
    );
  },
);
