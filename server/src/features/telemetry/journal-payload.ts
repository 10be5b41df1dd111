import type { Value } from '@valtronics/contract';
import {
  type ByteSink,
  type ByteSource,
  MalformedBytesError,
  readByte,
  readFloat64,
  readSigned,
  readText,
  readVarint,
  writeByte,
  writeFloat64,
  writeSigned,
  writeText,
  writeVarint,
} from './bytes.ts';
import type { CommittedPoint, LockedPoint, SeriesKey } from './committed.ts';

// The points of one flush: for each run of a series its id, type and length, then the step in time and the value of each point. About
// eleven bytes a number, against 46 in the table. Of class health it names the points and holds no value.

const VERSION = 2;
/** The same without marks. */
const OLDER_VERSION = 1;
/** Beside the type: the values of this run are in its points only, where they are sealed. */
const SEALED = 0x80;
const TYPES = ['number', 'boolean', 'string'] as const;

export interface JournalledPoint {
  readonly seriesId: number;
  readonly atMicros: number;
  /** Undefined: of class health, to be read where it is sealed. */
  readonly value: Value | undefined;
}

/** Names points whose values are sealed where they lie. */
export const writeLockedPayload = (sink: ByteSink, points: readonly LockedPoint[]): void =>
  writeJournalPayload(
    sink,
    points.map((point) => ({ ...point, value: Number.NaN })),
    new Set(points.map(({ series }) => series.id)),
  );

/** Shortest when points of a series stand together, in order of time; right in any order. */
export function writeJournalPayload(
  sink: ByteSink,
  points: readonly CommittedPoint[],
  sealed: ReadonlySet<number> = new Set(),
): void {
  writeByte(sink, VERSION);
  let start = 0;
  while (start < points.length) {
    const series = points[start]?.series;
    if (!series) return;
    let end = start + 1;
    while (points[end]?.series.id === series.id) end += 1;
    writeRun(sink, points, { start, end, isSealed: sealed.has(series.id) }, series);
    start = end;
  }
}

function writeRun(
  sink: ByteSink,
  points: readonly CommittedPoint[],
  { start, end, isSealed }: { readonly start: number; readonly end: number; readonly isSealed: boolean },
  series: SeriesKey,
): void {
  writeVarint(sink, series.id);
  writeByte(sink, TYPES.indexOf(series.valueType) | (isSealed ? SEALED : 0));
  writeVarint(sink, end - start);
  let previous = 0;
  for (let index = start; index < end; index += 1) {
    const point = points[index];
    if (!point) return;
    writeSigned(sink, point.atMicros - previous);
    previous = point.atMicros;
    if (isSealed) continue;
    if (typeof point.value === 'number') writeFloat64(sink, point.value);
    else if (typeof point.value === 'boolean') writeByte(sink, point.value ? 1 : 0);
    else writeText(sink, point.value);
  }
}

export function readJournalPayload(bytes: Buffer): JournalledPoint[] {
  const source: ByteSource = { bytes, position: 0 };
  const version = readByte(source);
  if (version !== VERSION && version !== OLDER_VERSION)
    throw new MalformedBytesError(`a journal entry of unknown version ${version}`);
  const points: JournalledPoint[] = [];
  while (source.position < bytes.length) {
    const seriesId = readVarint(source);
    const mark = readByte(source);
    const isSealed = version === VERSION && (mark & SEALED) !== 0;
    const type = TYPES[isSealed ? mark & ~SEALED : mark];
    if (type === undefined) throw new MalformedBytesError('a journal entry with an unknown type');
    const count = readVarint(source);
    let atMicros = 0;
    for (let index = 0; index < count; index += 1) {
      atMicros += readSigned(source);
      points.push({ seriesId, atMicros, value: isSealed ? undefined : readValue(source, type) });
    }
  }
  return points;
}

function readValue(source: ByteSource, type: (typeof TYPES)[number]): Value {
  if (type === 'number') return readFloat64(source);
  return type === 'boolean' ? readByte(source) === 1 : readText(source);
}
