import type pg from 'pg';

/** Longer than any part of a table takes that is worth copying at once. */
const PATIENCE_MS = 60_000;
const FIRST_BYTES = 64 * 1024;

/**
 * What a query answers, in binary, as `lib/copied-rows.ts` reads it: a third of the work of asking for rows, which the driver makes objects of.
 * The query takes no parameters. The bytes lie in memory that nothing else lies in.
 */
export async function copyOut(client: pg.PoolClient, query: string): Promise<Buffer<ArrayBuffer>> {
  const { stream } = (client as unknown as pg.Client).connection;
  // The driver's query_timeout would break a COPY. Without its socket the work fails, and the connection is not used again.
  const timer = setTimeout(() => stream.destroy(), PATIENCE_MS);
  try {
    return await new Promise((resolve, reject) => {
      client.query(copying(`copy (${query}) to stdout (format binary)`, resolve, reject));
    });
  } finally {
    clearTimeout(timer);
  }
}

/** What the driver wants of a query, for one that collects. A stream of rows would have each copied three times. */
function copying(statement: string, resolve: (bytes: Buffer<ArrayBuffer>) => void, reject: (error: Error) => void) {
  let bytes = Buffer.allocUnsafeSlow(FIRST_BYTES);
  let length = 0;
  const ignore = () => {};
  return {
    submit: (connection: { query(text: string): void }) => connection.query(statement),
    handleCopyData({ chunk }: { readonly chunk: Buffer }) {
      if (length + chunk.length > bytes.length) {
        const larger = Buffer.allocUnsafeSlow(2 * (length + chunk.length));
        bytes.copy(larger, 0, 0, length);
        bytes = larger;
      }
      chunk.copy(bytes, length);
      length += chunk.length;
    },
    handleReadyForQuery: () => resolve(bytes.subarray(0, length)),
    handleError: reject,
    callback: ignore,
    handleCommandComplete: ignore,
    handleCopyInResponse: ignore,
    handleRowDescription: ignore,
    handleDataRow: ignore,
    handlePortalSuspended: ignore,
    handleEmptyQuery: ignore,
  };
}
