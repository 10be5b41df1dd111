import pg from 'pg';

/** Of several processes on one database, one at a time does something: whoever holds an advisory lock, which ends with its session. */
export interface Leadership {
  /** Whether it is ours, taken if it is free. Asks PostgreSQL each time, so a lost session is noticed before more is done. */
  hold(): Promise<boolean>;
  /** Lets another one have it. */
  release(): Promise<void>;
}

const CONNECT_WITHIN_MS = 5_000;
const ANSWER_WITHIN_MS = 5_000;

/**
 * A process whose connection has died without a word may believe for `ANSWER_WITHIN_MS` that it still leads while another one does already.
 * So what a leader writes must also be guarded by what it has read.
 */
export function createLeadership(connection: pg.ClientConfig, lock: number): Leadership {
  let session: pg.Client | undefined;
  let asking: Promise<boolean> | undefined;

  async function connect(): Promise<pg.Client> {
    const client = new pg.Client({
      ...connection,
      connectionTimeoutMillis: CONNECT_WITHIN_MS,
      query_timeout: ANSWER_WITHIN_MS,
      keepAlive: true,
    });
    const lost = () => {
      if (session === client) session = undefined;
    };
    // Without a listener the process would die with PostgreSQL.
    client.on('error', lost);
    client.on('end', lost);
    await client.connect();
    return client;
  }

  async function ask(): Promise<boolean> {
    const client = session ?? (await connect());
    session = client;
    try {
      // Held already, it is held once more, which costs nothing: all of it ends with the session.
      const answer = await client.query<{ ours: boolean }>(
        `select case when exists (select from pg_locks where locktype = 'advisory' and pid = pg_backend_pid()
           and classid = 0 and objid::bigint = $1::bigint and objsubid = 1 and granted) then true
           else pg_try_advisory_lock($1::bigint) end as ours`,
        [lock],
      );
      return answer.rows[0]?.ours === true;
    } catch (error) {
      if (session === client) session = undefined;
      client.connection.stream.destroy();
      throw error;
    }
  }

  return {
    hold() {
      asking ??= ask().finally(() => {
        asking = undefined;
      });
      return asking;
    },
    async release() {
      await asking?.catch(() => undefined);
      const client = session;
      session = undefined;
      await client?.end().catch(() => undefined);
    },
  };
}
