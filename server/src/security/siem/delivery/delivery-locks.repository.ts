import pg from 'pg';

/** Which destinations this server delivers to; each is held by one server at a time. */
export interface DeliveryLocks {
  /** Whether it is ours, asking for it if it is not. */
  hold(id: string): Promise<boolean>;
  release(id: string): Promise<void>;
  close(): Promise<void>;
}

const ANSWER_WITHIN_MS = 5_000;

/**
 * Advisory locks of one session, so that a server that dies loses them with its connection, and with them everything it was about to do.
 * `lost` is called when the session ends: from then on another server may hold them.
 */
export function createDeliveryLocks(connection: pg.ClientConfig, lost: () => void): DeliveryLocks {
  let session: pg.Client | undefined;
  const held = new Set<string>();

  function forget(client: pg.Client): void {
    if (session !== client) return;
    session = undefined;
    held.clear();
    lost();
  }

  async function connected(): Promise<pg.Client> {
    if (session !== undefined) return session;
    const client = new pg.Client({
      ...connection,
      connectionTimeoutMillis: ANSWER_WITHIN_MS,
      query_timeout: ANSWER_WITHIN_MS,
      keepAlive: true,
    });
    client.on('error', () => undefined);
    client.on('end', () => forget(client));
    await client.connect();
    // A machine that vanished says no goodbye: the database finds out within a minute instead of hours, and others take over.
    await client.query(
      'set tcp_keepalives_idle = 15; set tcp_keepalives_interval = 5; set tcp_keepalives_count = 4; set idle_session_timeout = 0',
    );
    session = client;
    return client;
  }

  async function ask(client: pg.Client, text: string, id: string): Promise<boolean> {
    try {
      const { rows } = await client.query<{ answer: boolean }>(text, [`siem:${id}`]);
      return rows[0]?.answer ?? false;
    } catch (error) {
      // Whether it still holds anything is not known, so it does not.
      client.end().catch(() => undefined);
      forget(client);
      throw error;
    }
  }

  return {
    async hold(id) {
      const client = await connected();
      if (held.has(id)) {
        // That the session lives is what the lock rests on.
        await ask(client, 'select $1::text is not null as answer', id);
        return true;
      }
      const isOurs = await ask(client, 'select pg_try_advisory_lock(hashtextextended($1, 0)) as answer', id);
      if (isOurs) held.add(id);
      return isOurs;
    },
    async release(id) {
      if (session === undefined || !held.delete(id)) return;
      await ask(session, 'select pg_advisory_unlock(hashtextextended($1, 0)) as answer', id);
    },
    async close() {
      const client = session;
      session = undefined;
      held.clear();
      await client?.end().catch(() => undefined);
    },
  };
}
