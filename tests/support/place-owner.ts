import { join } from 'node:path';
import pg from 'pg';
import { askServer } from '../../server/src/control/control-client.ts';
import { systemClock } from '../../server/src/lib/clock.ts';
import { loadConfig } from '../../server/src/platform/config/config.ts';
import { connectionAs } from '../../server/src/platform/db/database.ts';
import { readCredentials } from '../../server/src/platform/db/roles.ts';
import { createLogger } from '../../server/src/platform/log/log.ts';
import { loadAuditKey } from '../../server/src/security/audit/audit-key.ts';
import { createSequencer } from '../../server/src/security/audit/sequencer.ts';
import { createTransactions } from '../../server/src/security/audit/transactions.ts';
import { createKeyRing } from '../../server/src/security/crypto/key-ring.ts';
import { openRootKey } from '../../server/src/security/crypto/root-key.ts';
import { sealedFile } from '../../server/src/security/crypto/sealed-file.ts';
import { startDatabase } from '../../server/src/start-database.ts';
import { dataKeysOn } from './data-keys.ts';
import type { Place } from './place.ts';

// What whoever owns the database of a data folder can do to its audit log.

const tables = ['audit_events', 'audit_leaves', 'audit_tiles', 'audit_checkpoints'] as const;
const withoutTriggers = (statements: readonly string[]): string[] => [
  ...tables.map((table) => `alter table ${table} disable trigger user`),
  ...statements,
  ...tables.map((table) => `alter table ${table} enable trigger user`),
];

/** While its server runs. */
export async function tamperAsOwner(place: Place, ...statements: string[]): Promise<void> {
  const at = await askServer(place.dataDir, 'database.place', { uid: process.getuid?.() ?? 0, input: {} });
  if (!at) throw new Error('no server runs there');
  await runAsOwner(place, { ...at, ssl: false }, withoutTriggers(statements));
}

/**
 * Whoever has the root key as well, while nothing runs: one event is altered, and the whole history made anew by the sequencer itself, with
 * the key of the log.
 */
export async function rewriteHistory(place: Place): Promise<void> {
  const config = loadConfig(place.env);
  const rootKey = openRootKey(config);
  const keyRing = createKeyRing(rootKey);
  const running = await startDatabase(config, keyRing, createLogger({ level: 'error', clock: systemClock }));
  try {
    await runAsOwner(place, running.connectionOf('maintenance'), [
      ...withoutTriggers([
        ...[...tables.slice(1), 'audit_salts'].map((table) => `delete from ${table}`),
        `update audit_events set outcome = 'failure'
         where id = (select id from audit_events where event = 'device.registered' order by at limit 1)`,
      ]),
      'insert into audit_pending (event_id) select id from audit_events order by at, id',
    ]);
    const transactions = createTransactions(running.database);
    const dataKeys = await dataKeysOn(running.database, { rootKey });
    const key = await loadAuditKey({ transactions, dataKeys, host: config.publicUrl.host });
    await createSequencer({ transactions, key }).run({ signNow: true });
  } finally {
    await running.stop();
  }
}

async function runAsOwner(
  { dataDir }: Place,
  connection: pg.ClientConfig,
  statements: readonly string[],
): Promise<void> {
  const keyRing = createKeyRing(openRootKey(loadConfig({ VALTRONICS_DATA_DIR: dataDir })));
  const credentials = await readCredentials(sealedFile(join(dataDir, 'database.sealed'), keyRing));
  if (!credentials) throw new Error('the database has no owner');
  const client = new pg.Client({ ...connection, ...connectionAs('owner', credentials.owner) });
  await client.connect();
  try {
    for (const statement of statements) await client.query(statement);
  } finally {
    await client.end();
  }
}
