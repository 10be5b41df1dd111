import { sql } from 'kysely';
import pg from 'pg';
import type { Reader } from '../../security/audit/tokens.ts';
import { isOpened } from '../../security/keys/person-values.ts';
import type { WaitingPoint } from './batch.ts';
import { type ByteSink, reserve } from './bytes.ts';
import type { JournalConsumer } from './committed.ts';
import { writeCopy, writeJournalRow, writePointRows, writeQuery, writeSealedRows } from './copy-format.ts';
import { asStoredValue, type Flush, type StoredValue } from './flush.ts';
import { type FlushSeals, sealFlush } from './health-flush.ts';
import type { HealthRow, HealthValues } from './health-values.ts';
import { IngestConnectionLostError } from './ingest-connection.ts';
import type { FlushConnection } from './ingest-thread.ts';
import { writeJournalPayload } from './journal-payload.ts';
import { dayText, timestampParameter } from './timestamp.ts';

/** Used again for flush after flush, each answered before the next is written into them. */
export interface FlushBuffers {
  readonly message: ByteSink;
  readonly payload: ByteSink;
}

const partitionOf = (day: number) => `points_${dayText(day).replaceAll('-', '')}`;

/**
 * Points, journal row and what the consumers have to do, in one transaction and one round trip. The journal comes first: if this very
 * flush was committed before and only the answer got lost, the second try fails on the journal's key and on nothing else. Nothing of a
 * client's is in the text of the statements.
 */
export async function commitFlush(
  connection: FlushConnection,
  buffers: FlushBuffers,
  journalId: string,
  consumers: readonly JournalConsumer['name'][],
  flush: Flush,
  seals: FlushSeals,
): Promise<void> {
  const { message, payload } = buffers;
  const days = [...flush.days.keys()].sort((a, b) => a - b);
  const sealed = await sealFlush(flush, seals);
  const pending = consumers.map((name) => `('${name}', '${journalId}')`).join(', ');
  message.length = 0;
  payload.length = 0;
  writeJournalPayload(payload, flush.points, sealed.series);
  writeQuery(
    message,
    [
      'copy telemetry_journal (id, points, payload) from stdin (format binary)',
      `insert into telemetry_pending (consumer, journal_id) values ${pending}`,
      ...days.map(
        (day) =>
          `copy ${partitionOf(day)} (series_id, organisation_id, ts, num, txt${sealed.days.has(day) ? ', chunk, sealed, subject_id' : ''}) from stdin (format binary)`,
      ),
    ].join(';'),
  );
  writeCopy(message, () => writeJournalRow(message, journalId, flush.points.length, payload));
  reserve(message, flush.points.length * 46);
  for (const day of days) {
    writeCopy(message, () => {
      const isWide = sealed.days.has(day);
      for (const { start, end } of flush.days.get(day) ?? []) {
        const chunks = sealed.chunks.get(start);
        if (!chunks) writePointRows(message, flush.points, { start, end, isWide });
        else for (const chunk of chunks) writeSealedRows(message, flush.points, chunk);
      }
    });
  }
  await connection.send(message.bytes.subarray(0, message.length));
}

/** Days whose partition exists need no call; making one takes a lock that only others making one wait for. */
export async function ensureDay(connection: FlushConnection, day: number): Promise<void> {
  await connection.query('select ensure_points_day($1::date)', [dayText(day)]);
}

export type FlushFailure = 'committed before' | 'collision' | 'lost' | 'missing day' | 'busy' | 'disk full' | 'refused';

/** What a failed flush means for what comes next. */
export function failureOf(error: unknown): FlushFailure {
  if (error instanceof IngestConnectionLostError) return 'lost';
  if (!(error instanceof pg.DatabaseError)) return isNetworkError(error) ? 'lost' : 'refused';
  switch (error.code) {
    case '23505':
      return error.constraint === 'telemetry_journal_pkey' ? 'committed before' : 'collision';
    case '42P01': // the partition of that day is gone: retention dropped it
      return 'missing day';
    case '40001':
    case '40P01':
    case '55P03':
    case '57014':
      return 'busy';
    case '53100':
      return 'disk full';
    default:
      // Too many connections, shutting down, starting up: not ours, and it passes.
      return /^(53|57P|08)/.test(error.code ?? '') ? 'lost' : 'refused';
  }
}

function isNetworkError(error: unknown): boolean {
  return error instanceof Error && /connect|terminat|timeout|ECONN|EPIPE|ENOENT|socket/i.test(error.message);
}

const LOOKUP_ROWS = 5000;

/** The rows that stand where these points want to go. All points are of the reader's organisation. */
export async function findStored(
  reader: Reader,
  points: readonly WaitingPoint[],
  health: Pick<HealthValues, 'open'>,
  found: Map<string, StoredValue>,
): Promise<void> {
  const organisationId = points[0]?.series.organisationId ?? 0;
  for (let start = 0; start < points.length; start += LOOKUP_ROWS) {
    const slice = points.slice(start, start + LOOKUP_ROWS);
    const times = slice.map(({ atMicros }) => atMicros);
    // The bounds are for the planner: they leave out the partitions of other days.
    const { rows } = await sql<StoredValue & { id: number; seconds: number; chunk: number | null }>`
      select p.series_id as id, date_part('epoch', p.ts) as seconds, p.num, p.txt, date_part('epoch', p.chunk) as chunk
      from unnest(${slice.map(({ series }) => series.id)}::integer[], ${times.map(timestampParameter)}::timestamptz[])
        as w (series_id, ts)
      join points p on p.series_id = w.series_id and p.ts = w.ts
      where p.ts between ${timestampParameter(Math.min(...times))}::timestamptz
        and ${timestampParameter(Math.max(...times))}::timestamptz`.execute(reader.db);
    const sealed: HealthRow[] = [];
    for (const row of rows) {
      const atMicros = Math.round(row.seconds * 1_000_000);
      if (row.chunk === null) found.set(storedKey(row.id, atMicros), row);
      else sealed.push({ seriesId: row.id, atMicros, chunkMicros: Math.round(row.chunk * 1_000_000) });
    }
    for (const [index, value] of (await health.open(reader, organisationId, sealed)).entries()) {
      const row = sealed[index];
      // Of somebody erased, and of what does not open, there is nothing to compare with.
      if (row && value !== undefined)
        found.set(storedKey(row.seriesId, row.atMicros), isOpened(value) ? asStoredValue(value) : NOTHING);
    }
  }
}

const NOTHING: StoredValue = { num: null, txt: null };

export const storedKey = (seriesId: number, atMicros: number): string => `${seriesId}/${atMicros}`;
