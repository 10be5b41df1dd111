import type { Value } from '@valtronics/contract';
import {
  type ByteSink,
  type ByteSource,
  createSink,
  MalformedBytesError,
  readByte,
  readFloat64,
  readSigned,
  readText,
  writeByte,
  writeFloat64,
  writeSigned,
  writeText,
  written,
} from './bytes.ts';
import type { CommittedPoint } from './committed.ts';

// What is in a sealed chunk: values of one series and one day, each with its time. The times are in it although the rows tell them as well: so a row
// that somebody moved in time finds no value there.

const VERSION = 1;
const TYPES = ['number', 'boolean', 'string'] as const;

/** Sealing costs as much as reading some thousand bytes, so values are sealed together; who reads one opens all of its chunk. */
export const MAX_CHUNK_POINTS = 1000;
const MAX_CHUNK_BYTES = 64 * 1024;

type TimedValue = Pick<CommittedPoint, 'atMicros' | 'value'>;

const scratch: ByteSink = createSink(1 << 16);

/** As many points from `start` on as fit into one chunk, in order of time; `end` is not included. */
export function writeChunk(points: readonly TimedValue[], start: number, end: number): { plain: Buffer; end: number } {
  scratch.length = 0;
  const last = Math.min(end, start + MAX_CHUNK_POINTS);
  writeByte(scratch, VERSION);
  let previous = 0;
  let index = start;
  for (; index < last && scratch.length < MAX_CHUNK_BYTES; index += 1) {
    const point = points[index];
    if (!point) break;
    const { atMicros, value } = point;
    writeByte(scratch, TYPES.indexOf(typeof value as (typeof TYPES)[number]));
    writeSigned(scratch, atMicros - previous);
    previous = atMicros;
    if (typeof value === 'number') writeFloat64(scratch, value);
    else if (typeof value === 'boolean') writeByte(scratch, value ? 1 : 0);
    else writeText(scratch, value);
  }
  return { plain: written(scratch), end: index };
}

/** Values by their time. */
export function readChunk(bytes: Buffer): ReadonlyMap<number, Value> {
  const source: ByteSource = { bytes, position: 0 };
  if (readByte(source) !== VERSION) throw new MalformedBytesError('a chunk of unknown version');
  const values = new Map<number, Value>();
  let atMicros = 0;
  while (source.position < bytes.length) {
    const type = TYPES[readByte(source)];
    atMicros += readSigned(source);
    if (type === 'number') values.set(atMicros, readFloat64(source));
    else if (type === 'boolean') values.set(atMicros, readByte(source) === 1);
    else if (type === 'string') values.set(atMicros, readText(source));
    else throw new MalformedBytesError('a chunk with an unknown type');
  }
  return values;
}

export interface RollupValues {
  readonly sum: number;
  readonly min: number;
  readonly max: number;
  /** As `encodeSketch` wrote it. */
  readonly sketch: Buffer;
}

/** What a sealed rollup keeps from sight; its count and its time are in the row. */
export function writeRollupValues({ sum, min, max, sketch }: RollupValues): Buffer {
  const bytes = Buffer.alloc(24 + sketch.length);
  bytes.writeDoubleLE(sum, 0);
  bytes.writeDoubleLE(min, 8);
  bytes.writeDoubleLE(max, 16);
  sketch.copy(bytes, 24);
  return bytes;
}

export function readRollupValues(bytes: Buffer): RollupValues {
  const source: ByteSource = { bytes, position: 0 };
  const [sum, min, max] = [readFloat64(source), readFloat64(source), readFloat64(source)];
  return { sum, min, max, sketch: bytes.subarray(source.position) };
}
