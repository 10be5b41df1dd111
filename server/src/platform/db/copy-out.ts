import type pg from 'pg';

const FIRST_BYTES = 64 * 1024;
/** Without a byte. */
const PATIENCE_MS = 60_000;

/** What a query answers is more than whoever asked takes at once. */
export class CopyTooLargeError extends Error {
  override readonly name = 'CopyTooLargeError';
}

/**
 * What a query answers, in binary, as `lib/copied-rows.ts` reads it: a third of the work of asking for rows, which the driver makes objects of.
 * The query takes no parameters. The bytes lie in memory that nothing else lies in. Beyond `most` bytes a CopyTooLargeError, once the rest has
 * gone by; the transaction goes on.
 */
export async function copyOut(client: pg.PoolClient, query: string, most: number): Promise<Buffer<ArrayBuffer>> {
  const { stream } = (client as unknown as pg.Client).connection;
  // The driver's query_timeout would break a COPY. Without its socket the work fails, and the connection is not used again.
  const timer = setTimeout(() => {
    stream.destroy(new Error(`PostgreSQL sent nothing of a copy for ${PATIENCE_MS / 1000} s`));
  }, PATIENCE_MS);
  try {
    return await new Promise((resolve, reject) => {
      const onBytes = () => timer.refresh();
      client.query(copying(`copy (${query}) to stdout (format binary)`, { most, onBytes, resolve, reject }));
    });
  } finally {
    clearTimeout(timer);
  }
}

interface Copying {
  readonly most: number;
  onBytes(): void;
  resolve(bytes: Buffer<ArrayBuffer>): void;
  reject(error: Error): void;
}

/** What the driver wants of a query, for one that collects. A stream of rows would have each copied three times. */
function copying(statement: string, { most, onBytes, resolve, reject }: Copying) {
  let bytes = Buffer.allocUnsafeSlow(FIRST_BYTES);
  let length = 0;
  const ignore = () => {};
  return {
    submit: (connection: { query(text: string): void }) => connection.query(statement),
    handleCopyData({ chunk }: { readonly chunk: Buffer }) {
      onBytes();
      const start = length;
      length += chunk.length;
      if (length > most) {
        bytes = Buffer.alloc(0);
        return;
      }
      if (length > bytes.length) {
        const larger = Buffer.allocUnsafeSlow(2 * length);
        bytes.copy(larger, 0, 0, start);
        bytes = larger;
      }
      chunk.copy(bytes, start);
    },
    handleReadyForQuery() {
      if (length > most) reject(new CopyTooLargeError(`${length} bytes were to be copied, and ${most} at most`));
      else resolve(bytes.subarray(0, length));
    },
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
