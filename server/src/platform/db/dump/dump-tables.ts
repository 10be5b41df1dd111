import pg from 'pg';
import { to as copyTo } from 'pg-copy-streams';
import type { Blocks } from '../../../lib/blocks.ts';
import { identifiers, listSequences, listTables, type Sequence, type Table } from './database-content.ts';

/** The rows of one moment, however long it takes to read them. */
export interface TableDump {
  readonly serverVersion: string;
  /** Applied ones, in their order. */
  readonly migrations: readonly { readonly name: string; readonly sha256: string }[];
  readonly tables: readonly Table[];
  /** As PostgreSQL's COPY writes them, in text: the one form that the next version of it reads, too. */
  copy(table: Table): { readonly blocks: Blocks; rows(): Promise<number> };
  /** Read last: they run ahead of the rows at most, which leaves gaps and never gives a number twice. */
  sequences(): Promise<Sequence[]>;
  close(): Promise<void>;
}

export class DumpError extends Error {
  override readonly name = 'DumpError';
}

const ATTEMPTS = 5;
/** A table that is being changed is waited for this long, and then the dump is begun anew. */
const LOCK_PATIENCE = '10s';

/** Begins to read the database as its owner, whom row-level security does not bind. Nobody who reads or writes rows waits for it. */
export async function openDump(ownerConnection: pg.ClientConfig): Promise<TableDump> {
  const client = new pg.Client({ ...ownerConnection, application_name: 'valtronics backup' });
  client.on('error', () => {}); // reported by the query that was under way
  await client.connect();
  try {
    const tables = await lockTables(client);
    const version = await client.query<{ server_version: string }>('show server_version');
    const migrations = await client.query<{ name: string; sha256: string }>(
      'select name, sha256 from schema_migrations order by number',
    );
    return {
      serverVersion: version.rows[0]?.server_version ?? '',
      migrations: migrations.rows,
      tables,
      copy({ name, columns }) {
        const stream = client.query(copyTo(`copy ${pg.escapeIdentifier(name)} (${identifiers(columns)}) to stdout`));
        return {
          blocks: stream,
          async rows() {
            // The stream ends with the last row. How many there were is said behind it, and has been heard once the next statement is answered.
            await client.query('select');
            return stream.rowCount;
          },
        };
      },
      sequences: () => listSequences(client),
      close: () => client.end(),
    };
  } catch (error) {
    await client.end();
    throw error;
  }
}

/**
 * Tables are locked before the moment is taken, so none is dropped or rebuilt while its turn has not come. A partition that appeared between
 * the list and that moment is locked behind it: rows of the moment may speak of it.
 */
async function lockTables(client: pg.Client): Promise<Table[]> {
  for (let attempt = 1; attempt <= ATTEMPTS; attempt += 1) {
    const listed = await listTables(client);
    await client.query('begin transaction isolation level repeatable read read only');
    await client.query(`set local lock_timeout = '${LOCK_PATIENCE}'`);
    if (await lock(client, listed)) {
      const found = await listTables(client);
      const names = new Set(listed.map(({ name }) => name));
      const late = found.filter(({ name }) => !names.has(name));
      if (await lock(client, late)) return found;
    }
    await client.query('rollback');
  }
  throw new DumpError('the tables of the database keep changing: try again when no migration is under way');
}

/** False: one was dropped meanwhile, or is held by who changes it. */
async function lock(client: pg.Client, tables: readonly Table[]): Promise<boolean> {
  if (tables.length === 0) return true;
  try {
    await client.query(`lock table ${identifiers(tables.map(({ name }) => name))} in access share mode`);
    return true;
  } catch (error) {
    if (error instanceof pg.DatabaseError && (error.code === '42P01' || error.code === '55P03')) return false;
    throw error;
  }
}
