import { createReadStream } from 'node:fs';
import { csvLines } from './csv.ts';
import {
  type BadLine,
  type Columns,
  columnsByCount,
  columnsByHeader,
  type RecordedPoint,
  readRecord,
  readTimestamp,
} from './record.ts';

/** One line of the file; `bytes` is about how far into it we are. */
export type RecordingEntry = { readonly bytes: number } & (
  | { readonly point: RecordedPoint }
  | { readonly bad: BadLine }
);

/**
 * Reads a recording. A first line whose first column is no time is a header: with names we know (`timestamp`, `value`, `metric`,
 * `device`) it says which column is which, otherwise the number of columns does.
 */
export async function* readRecording(chunks: AsyncIterable<Buffer>): AsyncGenerator<RecordingEntry, void, undefined> {
  let columns: Columns | null = null;
  let first = true;
  for await (const read of csvLines(chunks)) {
    if ('fault' in read) {
      yield { bytes: read.bytes, bad: { line: read.line, reason: read.fault } };
      continue;
    }
    const { line, bytes, fields } = read;
    if (first) {
      first = false;
      columns = columnsByHeader(fields);
      if (columns) continue;
      columns = columnsByCount(fields.length);
      if (columns && readTimestamp(fields[0] ?? '') === null && looksLikeNames(fields)) continue;
    }
    columns ??= columnsByCount(fields.length);
    const record: RecordedPoint | BadLine = columns
      ? readRecord(line, fields, columns)
      : { line, reason: `${fields.length} columns; timestamp,value or timestamp,metric,value[,device] are read` };
    yield 'reason' in record ? { bytes, bad: record } : { bytes, point: record };
  }
}

/** A header has no digits where the time should be; a spoilt first measurement has, and is reported as a bad line. */
const looksLikeNames = (fields: readonly string[]): boolean => !/\d/.test(fields[0] ?? '');

/** When the recording ends; read in a pass of its own, since a file need not be in order. `null`: it holds no point. */
export async function lastTimestamp(file: string, signal?: AbortSignal): Promise<number | null> {
  let last: number | null = null;
  for await (const entry of readRecording(createReadStream(file, { signal }))) {
    if ('point' in entry && (last === null || entry.point.timestamp > last)) last = entry.point.timestamp;
  }
  return last;
}
