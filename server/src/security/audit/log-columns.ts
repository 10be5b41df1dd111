import { sql } from 'kysely';
import pg from 'pg';
import type { Reader } from './tokens.ts';

const { BYTEA, INET, INT4, INT8, JSONB, TEXT, TIMESTAMPTZ, UUID } = pg.types.builtins;

/** What is copied of the log, and of which type it was made. */
const columns: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  audit_leaves: { tree: INT4, position: INT8, hash: BYTEA, event_id: UUID, entry: TEXT },
  audit_tiles: { tree: INT4, level: INT4, number: INT8, hashes: BYTEA },
  audit_salts: { event_id: UUID, salts: JSONB },
  audit_events: {
    id: UUID,
    organisation_id: INT4,
    at: TIMESTAMPTZ,
    event: TEXT,
    outcome: TEXT,
    actor_kind: TEXT,
    actor_id: TEXT,
    actor_label: TEXT,
    resource_kind: TEXT,
    resource_id: TEXT,
    address: INET,
    request_id: TEXT,
    details: JSONB,
  },
};

/**
 * Whether the columns of the log have the types they were made with. A COPY in binary says what a type sends, and people see what it prints: of
 * another type, which whoever owns the database may give a column, that may be anything else.
 */
export async function hasOwnColumns(reader: Reader): Promise<boolean> {
  const found = await sql<{ place: string; type: number }>`
    select of_table || '.' || a.attname as place, a.atttypid::integer as type
    from unnest(${Object.keys(columns)}::text[]) of_table join pg_attribute a on a.attrelid = of_table::regclass
    where a.attnum > 0 and not a.attisdropped`.execute(reader.db);
  const types = new Map(found.rows.map(({ place, type }) => [place, type]));
  return Object.entries(columns).every(([table, of]) =>
    Object.entries(of).every(([column, type]) => types.get(`${table}.${column}`) === type),
  );
}
