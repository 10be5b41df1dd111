import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { finished } from 'node:stream/promises';
import pg from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import { connectionAs } from '../../server/src/platform/db/database.ts';
import { startEmbeddedPostgres } from '../../server/src/platform/db/embedded.ts';
import { provision } from '../../server/src/platform/db/provision.ts';
import { runMigrations } from '../../server/src/platform/db/run-migrations.ts';

const quiet = { info() {}, warn() {}, error() {} };
const HEADER = Buffer.concat([Buffer.from('PGCOPY\n\xff\r\n\0', 'latin1'), Buffer.alloc(8)]);
const TRAILER = Buffer.from([0xff, 0xff]);
const ROW_BYTES = 2 + 4 + 4 + 4 + 4 + 4 + 8 + 4 + 8 + 4;
const MICROS_TO_2000 = 946_684_800_000_000n;

/** Rows a second of one connection that copies into an empty day partition with its primary key: the most this PostgreSQL takes. */
export async function rawCopy(
  rows: number,
  rowsPerCopy: number,
  seriesCount: number,
): Promise<{ seconds: number; rows: number }> {
  const dataDir = mkdtempSync(join(tmpdir(), 'valtronics-copy-'));
  const postgres = await startEmbeddedPostgres({ dataDir, log: quiet });
  try {
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
    const dayStartMicros = BigInt(Date.parse(`${day}T00:00:00Z`)) * 1000n;
    const buffers: Buffer[] = [];
    for (let first = 0; first < rows; first += rowsPerCopy)
      buffers.push(copyBuffer(first, rowsPerCopy, seriesCount, dayStartMicros));

    const started = performance.now();
    for (const buffer of buffers) {
      const stream = client.query(
        copyFrom(
          `copy points_${day.replaceAll('-', '')} (series_id, organisation_id, ts, num, txt) from stdin (format binary)`,
        ),
      );
      stream.end(buffer);
      await finished(stream);
    }
    const seconds = (performance.now() - started) / 1000;
    await client.end();
    return { seconds, rows: buffers.length * rowsPerCopy };
  } finally {
    await postgres.stop();
    rmSync(dataDir, { recursive: true, force: true });
  }
}

function copyBuffer(first: number, rows: number, seriesCount: number, dayStartMicros: bigint): Buffer {
  const body = Buffer.alloc(rows * ROW_BYTES);
  let at = 0;
  for (let row = first; row < first + rows; row += 1) {
    at = body.writeInt16BE(5, at);
    at = body.writeInt32BE(4, at);
    at = body.writeInt32BE((row % seriesCount) + 1, at);
    at = body.writeInt32BE(4, at);
    at = body.writeInt32BE(1, at);
    at = body.writeInt32BE(8, at);
    at = body.writeBigInt64BE(dayStartMicros - MICROS_TO_2000 + BigInt(Math.floor(row / seriesCount)) * 100_000n, at);
    at = body.writeInt32BE(8, at);
    at = body.writeDoubleBE(20 + ((row * 13) % 1000) / 100, at);
    at = body.writeInt32BE(-1, at);
  }
  return Buffer.concat([HEADER, body, TRAILER]);
}
