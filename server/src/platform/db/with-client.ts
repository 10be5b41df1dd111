import pg from 'pg';

/** A connection of its own for as long as the work takes. */
export async function withClient<T>(config: pg.ClientConfig, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client(config);
  client.on('error', () => {}); // reported by the query that was under way
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}
