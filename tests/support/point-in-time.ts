import { copyFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type pg from 'pg';
import { askServer } from '../../server/src/control/control-client.ts';
import { loadConfig } from '../../server/src/platform/config/config.ts';
import { startEmbeddedPostgres } from '../../server/src/platform/db/embedded.ts';
import { withClient } from '../../server/src/platform/db/with-client.ts';
import { adminBeside } from '../../server/src/start-database.ts';
import { aPlace } from './place.ts';
import { valtronics } from './program.ts';

// Rows that say which moment a database is at.

export const quiet = { info() {}, warn() {}, error() {} };

/** The embedded database of a running server, as its administrator. */
export async function admin(dataDir: string): Promise<pg.ClientConfig> {
  const { host } = (await askServer(dataDir, 'database.place', { uid: process.getuid?.() ?? 0, input: {} })) ?? {};
  return adminBeside({ ...loadConfig({}), dataDir }, { host })('valtronics');
}

export const asked = (connection: pg.ClientConfig, statement: string) =>
  withClient(connection, async (client) => (await client.query<{ n: number }>(statement)).rows.map(({ n }) => n));

export const SWITCH = 'select pg_switch_wal()';

/** Rows that are committed one by one, and a moment behind each of these. */
export async function rows(dataDir: string, from: number, to: number): Promise<Date> {
  await withClient(await admin(dataDir), async (client) => {
    for (let n = from; n <= to; n += 1) await client.query('insert into marks values ($1)', [n]);
  });
  await delay(20);
  const moment = new Date();
  await delay(20);
  return moment;
}

/** A machine with the root key and nothing else; what it can say about the rows after a restore. */
export async function elsewhere(
  from: { dataDir: string; folder?: string },
  store: Readonly<Record<string, string>> = {},
) {
  const other = await aPlace();
  mkdirSync(other.dataDir, { recursive: true });
  copyFileSync(join(from.dataDir, 'root.key'), join(other.dataDir, 'root.key'));
  const env = { ...other.env, ...(from.folder === undefined ? store : { VALTRONICS_BACKUP_FOLDER: from.folder }) };
  return {
    dataDir: other.dataDir,
    env,
    restore: (...args: string[]) => valtronics(['backup', 'restore', ...args], { env }),
    async marks(): Promise<number[]> {
      const embedded = await startEmbeddedPostgres({ dataDir: other.dataDir, log: quiet });
      try {
        return await asked(embedded.adminConnection('valtronics'), 'select n from marks order by n');
      } finally {
        await embedded.stop();
      }
    },
  };
}

export const upTo = (last: number): number[] => Array.from({ length: last }, (_, at) => at + 1);
