import pg from 'pg';
import type { Blocks } from '../../lib/blocks.ts';

// A copy of the whole database server's files, taken while it serves, over PostgreSQL's replication protocol (BASE_BACKUP): PostgreSQL reads its own
// files, checks the checksum of every page on the way, and leaves out what belongs to the moment (its log, locks, temporary files).

export interface Place {
  /** In the log, as `16/B374D848`. */
  readonly lsn: string;
  readonly timeline: number;
}

export interface BaseBackup {
  /** From here on the log is needed. */
  readonly start: Place;
  /** A tar of the data folder. */
  readonly blocks: Blocks;
  /** Up to here the log is needed before the copy means anything. Known once the blocks were read. */
  end(): Place;
  close(): Promise<void>;
}

export class BaseBackupError extends Error {
  override readonly name = 'BaseBackupError';
}

const MOST_WAITING_BYTES = 4 * 1024 * 1024;

/** `isUrgent`: begins with a checkpoint at full speed instead of one that is spread over minutes. */
export async function openBaseBackup(
  admin: pg.ClientConfig,
  { isUrgent }: { readonly isUrgent: boolean },
): Promise<BaseBackup> {
  const config = { ...admin, application_name: 'valtronics base backup', replication: 'database' };
  const client = new pg.Client(config as pg.ClientConfig);
  client.on('error', () => {}); // reported by the command that is under way
  await client.connect();
  const reading = baseBackupReading(isUrgent);
  client.query(reading);
  try {
    const start = await reading.started;
    return {
      start,
      blocks: reading.blocks(),
      end: reading.end,
      async close() {
        // One that was given up is still being sent.
        client.connection.stream.destroy();
        await client.end().catch(() => undefined);
      },
    };
  } catch (error) {
    client.connection.stream.destroy();
    throw error;
  }
}

/** What the driver takes as a query: it hands on each message of the answer, which no query of its own could read. */
function baseBackupReading(isUrgent: boolean) {
  const started = Promise.withResolvers<Place>();
  started.promise.catch(() => undefined);
  const waiting: Buffer[] = [];
  let [waitingBytes, sets, isOver]: [number, number, boolean] = [0, 0, false];
  let connection: pg.Connection | undefined;
  let fault: Error | undefined;
  let [startedAt, endedAt]: [Place | undefined, Place | undefined] = [undefined, undefined];
  let wake = Promise.withResolvers<void>();
  const tell = (): void => {
    wake.resolve();
    wake = Promise.withResolvers();
  };
  const fail = (error: Error): void => {
    fault ??= error;
    started.reject(error);
    tell();
  };

  return {
    started: started.promise,

    end(): Place {
      if (!endedAt) throw new BaseBackupError('the base backup ended before PostgreSQL said where');
      return endedAt;
    },

    async *blocks(): AsyncGenerator<Uint8Array> {
      for (;;) {
        if (fault) throw fault;
        const block = waiting.shift();
        if (block) {
          waitingBytes -= block.length;
          if (waitingBytes <= MOST_WAITING_BYTES / 2) connection?.stream.resume();
          yield block;
        } else if (isOver) return;
        else await wake.promise;
      }
    },

    submit(to: pg.Connection): void {
      connection = to;
      to.query(
        `BASE_BACKUP (LABEL 'valtronics', CHECKPOINT '${isUrgent ? 'fast' : 'spread'}', WAIT false, MANIFEST 'no')`,
      );
    },

    // Where it starts, a list of tablespaces, and behind the files where it ends.
    handleRowDescription(): void {
      sets += 1;
    },

    handleDataRow({ fields }: { fields: (string | null)[] }): void {
      const [lsn, timeline] = fields;
      const place = { lsn: String(lsn), timeline: Number(timeline) };
      if (sets === 1) {
        startedAt = place;
        started.resolve(place);
      } else if (sets === 3) endedAt = place;
    },

    handleCopyData({ chunk }: { chunk: Buffer }): void {
      const kind = String.fromCharCode(chunk[0] ?? 0);
      if (kind === 'n' && !chunk.subarray(1).toString().startsWith('base.tar\0'))
        fail(new BaseBackupError('the database has tablespaces of its own, which cannot be copied like this'));
      if (kind !== 'd') return;
      // A copy: the driver uses its buffer again.
      waiting.push(Buffer.from(chunk.subarray(1)));
      waitingBytes += chunk.length - 1;
      if (waitingBytes > MOST_WAITING_BYTES) connection?.stream.pause();
      tell();
    },

    handleCommandComplete(): void {},
    handleEmptyQuery(): void {},

    handleReadyForQuery(): void {
      if (!startedAt) fail(new BaseBackupError('PostgreSQL did not say where the base backup starts'));
      isOver = true;
      tell();
    },

    handleError(error: Error): void {
      fail(new BaseBackupError(`PostgreSQL gave no base backup: ${error.message}`, { cause: error }));
    },
  };
}
