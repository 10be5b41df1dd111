import { once } from 'node:events';
import { finished } from 'node:stream/promises';
import pg from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import { identifiers, listTables, type Sequence, type Table } from './database-content.ts';

/** Takes the rows of a dump. Nothing of it is to be seen before `finish`. */
export interface TableLoad {
  /** Makes a table that the migrations do not make, such as a partition. Run as the owner, in the transaction of the load. */
  run(statement: string, values: readonly unknown[]): Promise<void>;
  table(table: Table): Promise<TableWriter>;
  /** Puts sequences, foreign keys and triggers in their place; where a row misses the one it refers to, this fails. */
  finish(sequences: readonly Sequence[]): Promise<void>;
  /** Without `finish` before it nothing was loaded. */
  close(): Promise<void>;
}

export interface TableWriter {
  write(block: Uint8Array): Promise<void>;
  /** How many rows there were. */
  end(): Promise<number>;
}

export class LoadError extends Error {
  override readonly name = 'LoadError';
}

/**
 * What PostgreSQL refuses about rows is said without what it quotes of them: classes 22, which it cannot read, and 23, which break a constraint.
 * Anything else is no fault of theirs.
 */
function asLoadError(table: string, error: unknown): unknown {
  const { code, constraint } = error as { code?: unknown; constraint?: unknown };
  if (typeof code !== 'string' || !/^2[23]/.test(code)) return error;
  const what = code === FOREIGN_KEY_VIOLATION ? 'refer to rows that are not there' : 'are not what the table takes';
  return new LoadError(`rows of the table ${table} ${what} (${typeof constraint === 'string' ? constraint : code})`);
}

const FOREIGN_KEY_VIOLATION = '23503';

/**
 * Loads into a database that has the schema and is used by nobody else. What the migrations put into its tables goes first. Triggers sleep
 * meanwhile, since what they would do is among the rows; foreign keys are taken away and made again, which checks every one of them.
 */
export async function openLoad(ownerConnection: pg.ClientConfig): Promise<TableLoad> {
  const client = new pg.Client({ ...ownerConnection, application_name: 'valtronics restore' });
  client.on('error', () => {}); // reported by the query that was under way
  await client.connect();
  let awake: Trigger[];
  let keys: ForeignKey[];
  try {
    await client.query('begin');
    awake = await triggersOf(client);
    for (const { table, name } of awake) await client.query(`alter table ${table} disable trigger ${name}`);
    keys = await foreignKeysOf(client);
    for (const { table, name } of keys) await client.query(`alter table ${table} drop constraint ${name}`);
    const filled = identifiers((await listTables(client)).map(({ name }) => name));
    if (filled !== '') await client.query(`truncate ${filled}`);
  } catch (error) {
    await client.end();
    throw error;
  }
  return {
    async run(statement, values) {
      await client.query(statement, [...values]);
    },
    async table(table) {
      await assertColumns(client, table);
      return writerOf(client, table);
    },
    async finish(sequences) {
      for (const { name, value } of sequences)
        await client.query('select setval($1::regclass, $2::bigint)', [pg.escapeIdentifier(name), value]);
      for (const { table, name, definition } of keys)
        await client
          .query(`alter table ${table} add constraint ${name} ${definition}`)
          .catch((error: unknown) => Promise.reject(asLoadError(table, error)));
      for (const { table, name } of awake) await client.query(`alter table ${table} enable trigger ${name}`);
      await client.query('commit');
      await client.query('analyze');
    },
    close: () => client.end(),
  };
}

interface ForeignKey {
  table: string;
  name: string;
  definition: string;
}

async function foreignKeysOf(client: pg.Client): Promise<ForeignKey[]> {
  const { rows } = await client.query<ForeignKey>(
    `select conrelid::regclass::text as table, quote_ident(conname) as name, pg_get_constraintdef(oid) as definition
     from pg_constraint where contype = 'f' and conparentid = 0 and connamespace = 'public'::regnamespace order by 1, 2`,
  );
  return rows;
}

type Trigger = Omit<ForeignKey, 'definition'>;

/** Those that somebody has put to sleep stay asleep. */
async function triggersOf(client: pg.Client): Promise<Trigger[]> {
  const { rows } = await client.query<Trigger>(
    `select tgrelid::regclass::text as table, quote_ident(tgname) as name from pg_trigger t join pg_class c on c.oid = t.tgrelid
     where c.relnamespace = 'public'::regnamespace and not tgisinternal and tgparentid = 0 and tgenabled = 'O' order by 1, 2`,
  );
  return rows;
}

async function assertColumns(client: pg.Client, { name, columns }: Table): Promise<void> {
  const known = (await listTables(client)).find((table) => table.name === name);
  if (!known) throw new LoadError(`the schema has no table ${name}`);
  if ([...known.columns].sort().join() !== [...columns].sort().join())
    throw new LoadError(`the columns of the table ${name} are others than those of the schema`);
}

function writerOf(client: pg.Client, { name, columns }: Table): TableWriter {
  const stream = client.query(copyFrom(`copy ${pg.escapeIdentifier(name)} (${identifiers(columns)}) from stdin`));
  const ended = finished(stream).catch((error: unknown) => Promise.reject(asLoadError(name, error)));
  ended.catch(() => undefined); // thrown by the next write, or by `end`
  return {
    async write(block) {
      // Copied: the socket may still hold it when its memory is used again.
      if (!stream.write(Buffer.from(block))) await Promise.race([once(stream, 'drain'), ended]);
    },
    async end() {
      stream.end();
      await ended;
      return stream.rowCount;
    },
  };
}
