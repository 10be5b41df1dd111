import pg from 'pg';

// What a database of ours consists of beside its schema, which the migrations make: the rows of its tables and where its sequences stand.

/** Made by the migrations themselves, in a database that is loaded as in any other. */
const OWN_RECORD = 'schema_migrations';

export interface Table {
  readonly name: string;
  readonly columns: readonly string[];
}

export interface Sequence {
  readonly name: string;
  readonly value: string;
}

/** Every table that holds rows itself; of partitioned ones their partitions. By name. */
export async function listTables(client: pg.Client): Promise<Table[]> {
  const { rows } = await client.query<Table>(
    `select c.relname as name, array_agg(a.attname::text order by a.attnum) as columns
     from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.attgenerated = ''
     where c.relnamespace = 'public'::regnamespace and c.relkind = 'r' and c.relname <> $1
     group by c.relname order by c.relname`,
    [OWN_RECORD],
  );
  return rows;
}

/** Those that were used. */
export async function listSequences(client: pg.Client): Promise<Sequence[]> {
  const { rows } = await client.query<Sequence>(
    `select sequencename as name, last_value::text as value from pg_sequences
     where schemaname = 'public' and last_value is not null order by 1`,
  );
  return rows;
}

export const identifiers = (names: readonly string[]): string =>
  names.map((name) => pg.escapeIdentifier(name)).join(', ');
