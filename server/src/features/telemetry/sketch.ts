import { sketchRelativeError } from '@valtronics/contract';
import {
  type ByteSink,
  type ByteSource,
  createSink,
  MalformedBytesError,
  readByte,
  readSigned,
  readVarint,
  writeByte,
  writeSigned,
  writeVarint,
  written,
} from './bytes.ts';

// A DDSketch: counts in bins whose bounds grow by a constant factor, so any quantile is off by at most the stated share of its value,
// and two sketches are joined by adding their counts.

const GAMMA = (1 + sketchRelativeError) / (1 - sketchRelativeError);
const BINS_PER_LOG = 1 / Math.log(GAMMA);
// Two thousand bins span seventeen powers of ten. Beyond that the bins nearest to zero are joined: only quantiles there get coarser.
const MAX_BINS = 2048;
const VERSION = 1;

/** Dense counts; `first` is the bin number of `counts[0]`. */
interface Bins {
  first: number;
  counts: number[];
}

export interface Sketch {
  zero: number;
  positive: Bins;
  negative: Bins;
}

export function createSketch(): Sketch {
  return { zero: 0, positive: { first: 0, counts: [] }, negative: { first: 0, counts: [] } };
}

/** The bin of a value other than zero; computed once for a point that goes into several sketches. */
export function binOf(value: number): number {
  return Math.ceil(Math.log(Math.abs(value)) * BINS_PER_LOG);
}

export function addToSketch(sketch: Sketch, value: number, bin = binOf(value)): void {
  if (value > 0) addToBins(sketch.positive, bin, 1);
  else if (value < 0) addToBins(sketch.negative, bin, 1);
  else sketch.zero += 1;
}

function addToBins(bins: Bins, bin: number, count: number): void {
  const { counts } = bins;
  const position = bin - bins.first;
  if (position >= 0 && position < counts.length) {
    counts[position] = (counts[position] ?? 0) + count;
  } else if (counts.length === 0) {
    bins.first = bin;
    counts.push(count);
  } else if (position < 0) {
    const room = Math.min(-position, MAX_BINS - counts.length);
    if (room > 0) {
      bins.first -= room;
      counts.unshift(...new Array<number>(room).fill(0));
    }
    counts[0] = (counts[0] ?? 0) + count;
  } else {
    // Long before the end of a gap everything below would be collapsed: start over at the last place that still counts.
    const excess = position + 1 - MAX_BINS;
    if (excess > 0) collapseLowest(bins, excess);
    while (counts.length < bin - bins.first) counts.push(0);
    counts.push(count);
  }
}

function collapseLowest(bins: Bins, excess: number): void {
  const dropped = Math.min(excess, bins.counts.length);
  let sum = 0;
  for (let at = 0; at < dropped; at += 1) sum += bins.counts[at] ?? 0;
  bins.counts.splice(0, dropped);
  bins.first += excess;
  if (bins.counts.length === 0) bins.counts.push(sum);
  else bins.counts[0] = (bins.counts[0] ?? 0) + sum;
}

/** Adds everything `other` holds to `target`. */
export function mergeSketch(target: Sketch, other: Sketch): void {
  target.zero += other.zero;
  mergeBins(target.positive, other.positive);
  mergeBins(target.negative, other.negative);
}

function mergeBins(target: Bins, other: Bins): void {
  // From the top down, so that what is collapsed is decided by the highest bin before the low ones arrive.
  for (let at = other.counts.length - 1; at >= 0; at -= 1) {
    const count = other.counts[at] ?? 0;
    if (count > 0) addToBins(target, other.first + at, count);
  }
}

export function sketchCount(sketch: Sketch): number {
  return sketch.zero + total(sketch.positive) + total(sketch.negative);
}

/** How much memory it takes, in bins. */
export function sketchSize(sketch: Sketch): number {
  return sketch.positive.counts.length + sketch.negative.counts.length;
}

function total(bins: Bins): number {
  let sum = 0;
  for (const count of bins.counts) sum += count;
  return sum;
}

/** The value at share `q` (0–1) of the sorted values, within the stated relative error; null for none. */
export function quantile(sketch: Sketch, q: number): number | null {
  const negatives = total(sketch.negative);
  const count = negatives + sketch.zero + total(sketch.positive);
  if (count === 0) return null;
  // Counted from the smallest value, which is the negative one in the highest bin.
  const rank = Math.floor(q * (count - 1));
  if (rank < negatives) return -valueAt(sketch.negative, negatives - 1 - rank);
  if (rank < negatives + sketch.zero) return 0;
  return valueAt(sketch.positive, rank - negatives - sketch.zero);
}

function valueAt(bins: Bins, rank: number): number {
  let seen = 0;
  let position = 0;
  for (; position < bins.counts.length; position += 1) {
    seen += bins.counts[position] ?? 0;
    if (seen > rank) break;
  }
  const middle = (2 / (GAMMA + 1)) * Math.exp((bins.first + position) / BINS_PER_LOG);
  return Math.min(Number.MAX_VALUE, middle);
}

const sink: ByteSink = createSink(1024);

/** One byte of version, then zeros, positive and negative bins as steps and counts in variable length. */
export function encodeSketch(sketch: Sketch): Buffer {
  sink.length = 0;
  writeByte(sink, VERSION);
  writeVarint(sink, sketch.zero);
  encodeBins(sketch.positive);
  encodeBins(sketch.negative);
  return written(sink);
}

function encodeBins(bins: Bins): void {
  let used = 0;
  for (const count of bins.counts) if (count > 0) used += 1;
  writeVarint(sink, used);
  if (used === 0) return;
  let previous = -1;
  for (let position = 0; position < bins.counts.length; position += 1) {
    const count = bins.counts[position] ?? 0;
    if (count === 0) continue;
    if (previous < 0) writeSigned(sink, bins.first + position);
    else writeVarint(sink, position - previous);
    writeVarint(sink, count);
    previous = position;
  }
}

export function decodeSketch(bytes: Buffer): Sketch {
  const source: ByteSource = { bytes, position: 0 };
  const version = readByte(source);
  if (version !== VERSION) throw new MalformedBytesError(`a sketch of unknown version ${version}`);
  const sketch = { zero: readVarint(source), positive: decodeBins(source), negative: decodeBins(source) };
  if (source.position !== bytes.length) throw new MalformedBytesError('a sketch is followed by something');
  return sketch;
}

function decodeBins(source: ByteSource): Bins {
  const used = readVarint(source);
  if (used > MAX_BINS) throw new MalformedBytesError('a sketch has too many bins');
  if (used === 0) return { first: 0, counts: [] };
  const first = readSigned(source);
  const counts = [readVarint(source)];
  for (let bin = 1; bin < used; bin += 1) {
    const step = readVarint(source);
    if (step < 1 || counts.length + step > MAX_BINS) throw new MalformedBytesError('a sketch has too many bins');
    for (let gap = 1; gap < step; gap += 1) counts.push(0);
    counts.push(readVarint(source));
  }
  return { first, counts };
}
