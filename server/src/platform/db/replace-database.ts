import pg from 'pg';
import { withClient } from './with-client.ts';

type AdminConnection = (database?: string) => pg.ClientConfig;

export class ReplaceDatabaseError extends Error {
  override readonly name = 'ReplaceDatabaseError';
}

/** Whether the database is there and somebody has begun to use it. */
export async function isInUse(admin: AdminConnection, database: string): Promise<boolean> {
  const exists = await withClient(admin(), async (client) => {
    const { rows } = await client.query('select from pg_database where datname = $1', [database]);
    return rows.length > 0;
  });
  if (!exists) return false;
  return withClient(admin(database), async (client) => {
    const { rows } = await client.query<{ used: boolean }>(
      `select to_regclass('public.schema_migrations') is not null as used`,
    );
    return rows[0]?.used === true;
  });
}

export async function dropDatabase(admin: AdminConnection, database: string): Promise<void> {
  await withClient(admin(), (client) =>
    client.query(`drop database if exists ${pg.escapeIdentifier(database)} with (force)`),
  );
}

/** Puts `fresh` in the place of `database`, which is kept under the name `aside`; what had that name goes. Both renamings happen or neither. */
export async function replaceDatabase(
  admin: AdminConnection,
  { database, fresh, aside }: { readonly database: string; readonly fresh: string; readonly aside: string },
): Promise<void> {
  await dropDatabase(admin, aside);
  const name = pg.escapeIdentifier;
  await withClient(admin(), async (client) => {
    try {
      await client.query('begin');
      const { rows } = await client.query('select from pg_database where datname = $1', [database]);
      if (rows.length > 0) await client.query(`alter database ${name(database)} rename to ${name(aside)}`);
      await client.query(`alter database ${name(fresh)} rename to ${name(database)}`);
      await client.query('commit');
    } catch (error) {
      if (error instanceof pg.DatabaseError && error.code === '55006')
        throw new ReplaceDatabaseError(`the database ${database} is in use: stop whatever is connected to it first`, {
          cause: error,
        });
      throw error;
    }
  });
}
