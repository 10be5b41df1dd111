import { type ByteSink, reserve } from './bytes.ts';
import type { CommittedPoint } from './committed.ts';

// PostgreSQL's messages and its binary COPY format, written straight into the buffer that goes to the socket.

const EPOCH_2000_MICROS = 946_684_800_000_000;
const TWO_32 = 2 ** 32;
const SIGNATURE = Buffer.from('PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0', 'latin1');
const POINT_FIXED_BYTES = 46;
const NO_VALUE = -1;

/** A simple query: any number of statements in one message. */
export function writeQuery(sink: ByteSink, text: string): void {
  const length = Buffer.byteLength(text);
  reserve(sink, length + 6);
  sink.bytes[sink.length] = 81; // Q
  sink.view.setInt32(sink.length + 1, length + 5);
  sink.length += 5;
  sink.length += sink.bytes.write(text, sink.length, 'utf8');
  sink.bytes[sink.length++] = 0;
}

/**
 * The data of one COPY … FROM STDIN (FORMAT binary). It may be sent right behind the query, without waiting for PostgreSQL to ask for
 * it: after an error the server ignores data that still arrives, by protocol.
 */
export function writeCopy(sink: ByteSink, rows: () => void): void {
  reserve(sink, 5 + SIGNATURE.length);
  const start = sink.length;
  sink.bytes[start] = 100; // d
  sink.length += 5;
  sink.length += SIGNATURE.copy(sink.bytes, sink.length);
  rows();
  reserve(sink, 7);
  sink.view.setInt16(sink.length, NO_VALUE);
  sink.length += 2;
  sink.view.setInt32(start + 1, sink.length - start - 1);
  sink.bytes[sink.length] = 99; // c
  sink.view.setInt32(sink.length + 1, 4);
  sink.length += 5;
}

/** Rows of a day partition: series_id, organisation_id, ts, num, txt. With `isWide` there are three columns more, which are null. */
export function writePointRows(
  sink: ByteSink,
  points: readonly CommittedPoint[],
  { start, end, isWide }: { readonly start: number; readonly end: number; readonly isWide: boolean },
): void {
  for (let index = start; index < end; index += 1) {
    const point = points[index];
    if (!point) continue;
    writePointRow(sink, point, isWide ? 8 : 5);
    if (isWide) writeNulls(sink, 3);
  }
}

/** Rows whose values lie in a chunk: series_id, organisation_id, ts, num, txt, chunk, sealed, subject_id. The chunk is on the last of them. */
export function writeSealedRows(
  sink: ByteSink,
  points: readonly CommittedPoint[],
  {
    start,
    end,
    chunkMicros,
    sealed,
    subject,
  }: { start: number; end: number; chunkMicros: number; sealed: Buffer; subject: string | null },
): void {
  for (let index = start; index < end; index += 1) {
    const point = points[index];
    if (!point) return;
    writeRowHead(sink, point, 8);
    writeNulls(sink, 2);
    writeTime(sink, chunkMicros);
    if (index < end - 1) writeNulls(sink, 2);
    else {
      writeBytes(sink, sealed);
      if (subject === null) writeNulls(sink, 1);
      else writeBytes(sink, Buffer.from(subject.replaceAll('-', ''), 'hex'));
    }
  }
}

function writeNulls(sink: ByteSink, count: number): void {
  reserve(sink, 4 * count);
  for (let done = 0; done < count; done += 1) {
    sink.view.setInt32(sink.length, NO_VALUE);
    sink.length += 4;
  }
}

function writeTime(sink: ByteSink, atMicros: number): void {
  reserve(sink, 12);
  const micros = atMicros - EPOCH_2000_MICROS;
  const high = Math.floor(micros / TWO_32);
  sink.view.setInt32(sink.length, 8);
  sink.view.setInt32(sink.length + 4, high);
  sink.view.setUint32(sink.length + 8, micros - high * TWO_32);
  sink.length += 12;
}

function writeBytes(sink: ByteSink, bytes: Buffer): void {
  reserve(sink, 4 + bytes.length);
  sink.view.setInt32(sink.length, bytes.length);
  bytes.copy(sink.bytes, sink.length + 4);
  sink.length += 4 + bytes.length;
}

function writeRowHead(sink: ByteSink, { series, atMicros }: CommittedPoint, columns: number): void {
  reserve(sink, POINT_FIXED_BYTES);
  const { view } = sink;
  const at = sink.length;
  view.setInt16(at, columns);
  view.setInt32(at + 2, 4);
  view.setInt32(at + 6, series.id);
  view.setInt32(at + 10, 4);
  view.setInt32(at + 14, series.organisationId);
  sink.length = at + 18;
  writeTime(sink, atMicros);
}

function writePointRow(sink: ByteSink, point: CommittedPoint, columns: number): void {
  const { value } = point;
  writeRowHead(sink, point, columns);
  const at = sink.length - 30;
  reserve(sink, POINT_FIXED_BYTES - 30);
  const { view } = sink;
  if (typeof value === 'string') {
    const length = Buffer.byteLength(value);
    view.setInt32(at + 30, NO_VALUE);
    view.setInt32(at + 34, length);
    sink.length = at + 38;
    reserve(sink, length);
    sink.length += sink.bytes.write(value, sink.length, 'utf8');
    return;
  }
  view.setInt32(at + 30, 8);
  view.setFloat64(at + 34, Number(value));
  view.setInt32(at + 42, NO_VALUE);
  sink.length = at + POINT_FIXED_BYTES;
}

/** One row of the journal: id, points, payload. */
export function writeJournalRow(sink: ByteSink, journalId: string, points: number, payload: ByteSink): void {
  reserve(sink, 34 + payload.length);
  const { view, bytes } = sink;
  const at = sink.length;
  view.setInt16(at, 3);
  view.setInt32(at + 2, 16);
  bytes.write(journalId.replaceAll('-', ''), at + 6, 'hex');
  view.setInt32(at + 22, 4);
  view.setInt32(at + 26, points);
  view.setInt32(at + 30, payload.length);
  payload.bytes.copy(bytes, at + 34, 0, payload.length);
  sink.length = at + 34 + payload.length;
}
