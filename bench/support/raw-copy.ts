import { rmSync } from 'node:fs';
import { finished } from 'node:stream/promises';
import pg from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import { connectionAs } from '../../server/src/platform/db/database.ts';
import { startEmbeddedPostgres } from '../../server/src/platform/db/embedded.ts';
import { provision } from '../../server/src/platform/db/provision.ts';
import { runMigrations } from '../../server/src/platform/db/run-migrations.ts';
import { newDataFolder } from './data-folder.ts';

const quiet = { info() {}, warn() {}, error() {} };
const HEADER = Buffer.concat([Buffer.from('PGCOPY\n\xff\r\n\0', 'latin1'), Buffer.alloc(8)]);
const TRAILER = Buffer.from([0xff, 0xff]);
const ROW_BYTES = 2 + 4 + 4 + 4 + 4 + 4 + 8 + 4 + 8 + 4;
const MICROS_TO_2000 = 946_684_800_000_000n;
/** Rows of one COPY: twenty batches. */
const BATCHES_PER_COPY = 20;

export interface CopyTarget {
  /** Copies so many batches more, encoded beforehand, and says how long PostgreSQL took. */
  copy(batches: number): Promise<{ readonly rows: number; readonly seconds: number }>;
  stop(): Promise<void>;
}

/**
 * The most that this PostgreSQL takes: one connection that copies into an empty day partition with its primary key, in a database of the
 * same settings. The rows are those the HTTP load sends, in the order in which it sends them.
 */
export async function aCopyTarget(shape: { devices: number; metrics: number; batch: number }): Promise<CopyTarget> {
  const dataDir = newDataFolder('valtronics-copy-');
  const postgres = await startEmbeddedPostgres({ dataDir, log: quiet });
  let kept: string | undefined;
  const store = {
    read: async () => kept,
    write: async (text: string) => {
      kept = text;
    },
  };
  const { credentials, database } = await provision({ adminConnection: postgres.adminConnection, store });
  const { user: _user, password: _password, ...connection } = postgres.adminConnection(database);
  await runMigrations({ ...connection, ...connectionAs('owner', credentials.owner) });
  const client = new pg.Client({ ...connection, ...connectionAs('ingest', credentials.ingest) });
  await client.connect();
  const day = new Date(Date.now() - 3_600_000).toISOString().slice(0, 10);
  await client.query('select ensure_points_day($1::date)', [day]);
  const into = `copy points_${day.replaceAll('-', '')} (series_id, organisation_id, ts, num, txt) from stdin (format binary)`;
  const startMicros = BigInt(Date.parse(`${day}T00:00:00Z`)) * 1000n - MICROS_TO_2000;
  let sent = 0;

  return {
    async copy(batches) {
      const buffers: Buffer[] = [];
      const end = sent + batches;
      for (let first = sent; first < end; first += BATCHES_PER_COPY)
        buffers.push(copyBuffer(shape, first, Math.min(end, first + BATCHES_PER_COPY), startMicros));
      sent = end;
      const started = performance.now();
      for (const buffer of buffers) {
        const stream = client.query(copyFrom(into));
        stream.end(buffer);
        await finished(stream);
      }
      return { rows: batches * shape.batch, seconds: (performance.now() - started) / 1000 };
    },
    async stop() {
      await client.end();
      await postgres.stop();
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
}

function copyBuffer(
  { devices, metrics, batch }: { devices: number; metrics: number; batch: number },
  firstBatch: number,
  endBatch: number,
  startMicros: bigint,
): Buffer {
  const body = Buffer.alloc((endBatch - firstBatch) * batch * ROW_BYTES);
  let at = 0;
  for (let index = firstBatch; index < endBatch; index += 1) {
    const firstStep = Math.floor(index / devices) * Math.ceil(batch / metrics);
    for (let point = 0; point < batch; point += 1) {
      const series = (index % devices) * metrics + (point % metrics) + 1;
      const step = firstStep + Math.floor(point / metrics);
      at = body.writeInt16BE(5, at);
      at = body.writeInt32BE(4, at);
      at = body.writeInt32BE(series, at);
      at = body.writeInt32BE(4, at);
      at = body.writeInt32BE(1, at);
      at = body.writeInt32BE(8, at);
      at = body.writeBigInt64BE(startMicros + BigInt(step) * 100_000n, at);
      at = body.writeInt32BE(8, at);
      at = body.writeDoubleBE(20 + ((index * 7 + point * 13) % 1000) / 100, at);
      at = body.writeInt32BE(-1, at);
    }
  }
  return Buffer.concat([HEADER, body, TRAILER]);
}
