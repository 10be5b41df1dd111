import pg from 'pg';

/** PostgreSQL is gone, or went while it was asked: whether the transaction was committed is not known. */
export class IngestConnectionLostError extends Error {
  override readonly name = 'IngestConnectionLostError';
}

export interface IngestConnection {
  /** Sends messages made by `copy-format.ts` that end in COMMIT; resolves once that was answered. */
  send(message: Buffer): Promise<void>;
  query<Row extends pg.QueryResultRow>(text: string, values?: unknown[]): Promise<Row[]>;
  /** Whether the session of the last query is still there. */
  isConnected(): boolean;
  close(): Promise<void>;
}

// Our own timer: the driver's query_timeout breaks a COPY. Longer than any flush takes, shorter than the role's statement timeout.
const ANSWER_TIMEOUT_MS = 20_000;
const CONNECT_TIMEOUT_MS = 5_000;

/** One session of the ingest role that connects when it is needed, again after a loss. One thing at a time. */
export function createIngestConnection(config: pg.ClientConfig): IngestConnection {
  let session: pg.Client | undefined;

  async function connected(): Promise<pg.Client> {
    if (session) return session;
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
      await within(
        client,
        () => new Promise<void>((resolve, reject) => client.query(submission(message, resolve, reject))),
      );
    },
    async query<Row extends pg.QueryResultRow>(text: string, values?: unknown[]) {
      const client = await connected();
      const { rows } = await within(client, () => client.query<Row>(text, values));
      return rows;
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

/** What the driver wants of a query, for one whose bytes are ready. */
function submission(message: Buffer, resolve: () => void, reject: (error: Error) => void) {
  let lastCommand = '';
  const ignore = () => {};
  return {
    submit(connection: pg.Connection) {
      connection.stream.write(message);
    },
    callback: ignore,
    handleCommandComplete({ text }: { text: string }) {
      lastCommand = text;
    },
    handleReadyForQuery() {
      // COMMIT of a failed transaction answers ROLLBACK, as a success.
      if (lastCommand === 'COMMIT') resolve();
      else reject(new Error(`the transaction ended with ${lastCommand}`));
    },
    handleError: reject,
    handleCopyInResponse: ignore,
    handleCopyData: ignore,
    handleRowDescription: ignore,
    handleDataRow: ignore,
    handlePortalSuspended: ignore,
    handleEmptyQuery: ignore,
  };
}
