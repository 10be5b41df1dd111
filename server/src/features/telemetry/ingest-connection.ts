import pg from 'pg';

/** PostgreSQL is gone, or went while it was asked: whether the transaction was committed is not known. */
export class IngestConnectionLostError extends Error {
  override readonly name = 'IngestConnectionLostError';
}

export interface IngestConnection {
  /**
   * Sends one simple query with the data of its COPYs, made by `copy-format.ts`, right behind what is under way; resolves once
   * PostgreSQL has committed it. The bytes must stay as they are until then.
   */
  send(message: Buffer): Promise<void>;
  query<Row extends pg.QueryResultRow>(text: string, values?: unknown[]): Promise<Row[]>;
  /** Whether the session of the last query is still there. */
  isConnected(): boolean;
  close(): Promise<void>;
}

// Our own timer: the driver's query_timeout breaks a COPY. Longer than any flush takes, shorter than the role's statement timeout.
const ANSWER_TIMEOUT_MS = 20_000;
const CONNECT_TIMEOUT_MS = 5_000;

/** One session of the ingest role that connects when it is needed, again after a loss. Its work is done in the order it was asked for. */
export function createIngestConnection(config: pg.ClientConfig): IngestConnection {
  let session: pg.Client | undefined;
  let connecting: Promise<pg.Client> | undefined;
  // Under way, and written by the driver when it comes to them.
  let questions = 0;

  function connected(): pg.Client | Promise<pg.Client> {
    if (session) return session;
    connecting ??= connect().finally(() => {
      connecting = undefined;
    });
    return connecting;
  }

  async function connect(): Promise<pg.Client> {
    const client = new pg.Client({ ...config, connectionTimeoutMillis: CONNECT_TIMEOUT_MS, keepAlive: true });
    // Reported by whatever was under way; without a listener the process would die.
    const lost = () => {
      if (session === client) session = undefined;
    };
    client.on('error', lost);
    client.on('end', lost);
    try {
      await client.connect();
    } catch (error) {
      client.end().catch(() => {});
      throw new IngestConnectionLostError('PostgreSQL cannot be reached', { cause: error });
    }
    session = client;
    return client;
  }

  async function within<T>(client: pg.Client, work: () => Promise<T>): Promise<T> {
    // Destroying the socket fails the work through the driver, and leaves nothing half-sent in a session that is used again.
    const timer = setTimeout(() => client.connection.stream.destroy(), ANSWER_TIMEOUT_MS);
    try {
      return await work();
    } catch (error) {
      if (error instanceof pg.DatabaseError && !isFatal(error)) throw error;
      if (session === client) session = undefined;
      client.connection.stream.destroy();
      throw new IngestConnectionLostError('the connection to PostgreSQL was lost', { cause: error });
    } finally {
      clearTimeout(timer);
    }
  }

  return {
    async send(message) {
      const client = await connected();
      let written: Promise<void> | undefined;
      const write = () => {
        // Resolves when the system has the bytes, or never will.
        written = new Promise((resolve) => client.connection.stream.write(message, () => resolve()));
      };
      try {
        await within(client, () => {
          const { promise, resolve, reject } = Promise.withResolvers<void>();
          // The driver writes a query when the one before is answered; PostgreSQL would stand idle for that long. Its answers come in
          // the order of what was written, so writing ahead is safe while nothing is in between that the driver has not written yet.
          const ahead = questions === 0;
          if (ahead) write();
          client.query(submission(ahead ? undefined : write, resolve, reject));
          return promise;
        });
      } finally {
        // PostgreSQL may refuse at the first words of a message and skip the rest, which is still being sent: whoever asked would
        // write the next message into it.
        await written;
      }
    },
    async query<Row extends pg.QueryResultRow>(text: string, values?: unknown[]) {
      const client = await connected();
      questions += 1;
      try {
        const { rows } = await within(client, () => client.query<Row>(text, values));
        return rows;
      } finally {
        questions -= 1;
      }
    },
    isConnected: () => session !== undefined,
    async close() {
      const client = session;
      session = undefined;
      await client?.end().catch(() => {});
    },
  };
}

function isFatal(error: pg.DatabaseError): boolean {
  return error.severity === 'FATAL' || error.severity === 'PANIC' || (error.code ?? '').startsWith('57P');
}

/**
 * What the driver wants of a query, for one whose bytes are written by `write`, or already on their way. The statements of one simple query are one
 * transaction, which is committed before its last statement is answered (PostgreSQL, message flow, 54.2.2.1): ready without an error
 * means durable. After an error nothing of it is left, and the session is ready for what comes next.
 */
function submission(write: (() => void) | undefined, resolve: () => void, reject: (error: Error) => void) {
  const ignore = () => {};
  return {
    submit() {
      write?.();
    },
    callback: ignore,
    handleCommandComplete: ignore,
    handleReadyForQuery: resolve,
    handleError: reject,
    handleCopyInResponse: ignore,
    handleCopyData: ignore,
    handleRowDescription: ignore,
    handleDataRow: ignore,
    handlePortalSuspended: ignore,
    handleEmptyQuery: ignore,
  };
}
