import pg from 'pg';
import { advisoryLocks } from './advisory-locks.ts';
import { withClient } from './with-client.ts';

export const drillDatabaseOf = (database: string): string => `${database}_drill`;

/**
 * A drill that was killed has left its database behind. Whoever starts next throws it away, unless a drill is under way: then its lock is held.
 */
export async function dropAbandonedDrill(
  admin: (database?: string) => pg.ClientConfig,
  database: string,
): Promise<void> {
  await withClient(admin(database), async (client) => {
    const { rows } = await client.query<{ free: boolean }>('select pg_try_advisory_lock($1) as free', [
      advisoryLocks.drill,
    ]);
    if (!rows[0]?.free) return;
    await client.query(`drop database if exists ${pg.escapeIdentifier(drillDatabaseOf(database))} with (force)`);
  });
}
