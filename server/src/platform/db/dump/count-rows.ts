import pg from 'pg';
import { withClient } from '../with-client.ts';
import { listTables } from './database-content.ts';

/** How many rows each table has, counted by reading them. */
export function countRows(ownerConnection: pg.ClientConfig): Promise<Map<string, number>> {
  return withClient({ ...ownerConnection, application_name: 'valtronics drill' }, async (client) => {
    const counted = new Map<string, number>();
    for (const { name } of await listTables(client)) {
      const { rows } = await client.query<{ count: string }>(`select count(*) from ${pg.escapeIdentifier(name)}`);
      counted.set(name, Number(rows[0]?.count));
    }
    return counted;
  });
}
