import { createKeyRing } from '../security/crypto/key-ring.ts';
import { unlockRootKey } from '../security/crypto/unlock-root-key.ts';
import { migrateDatabase } from '../start-database.ts';
import { command } from './command.ts';
import { commandConfig, commandLog, uninterrupted } from './with-platform.ts';

export const dbMigrate = command(
  {
    name: 'db migrate',
    summary: 'Bring the schema of the database up to date, without starting the platform',
    options: {},
    examples: ['db migrate'],
    notes: 'Every start does the same. With the embedded database the server must not be running.',
  },
  async (_, output) => {
    const config = commandConfig();
    const keyRing = createKeyRing(await unlockRootKey(config));
    const { applied } = await uninterrupted(() => migrateDatabase(config, keyRing, commandLog(config)));
    output.result({ applied }, applied.length === 0 ? 'The schema is up to date.' : `Applied ${applied.join(', ')}.`);
  },
);
