/** A buffer that grows while it is written, and the variable-length numbers of our binary formats. */
export interface ByteSink {
  bytes: Buffer;
  view: DataView;
  length: number;
}

export function createSink(capacity: number): ByteSink {
  const bytes = Buffer.allocUnsafeSlow(capacity);
  return { bytes, view: viewOf(bytes), length: 0 };
}

/** In memory that another thread can read. */
export function createSharedSink(capacity: number): ByteSink {
  const bytes = Buffer.from(new SharedArrayBuffer(capacity));
  return { bytes, view: viewOf(bytes), length: 0 };
}

function viewOf(bytes: Buffer): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

export function reserve(sink: ByteSink, more: number): void {
  const needed = sink.length + more;
  if (needed <= sink.bytes.length) return;
  const capacity = Math.max(needed, sink.bytes.length * 2);
  const isShared = sink.bytes.buffer instanceof SharedArrayBuffer;
  const grown = isShared ? Buffer.from(new SharedArrayBuffer(capacity)) : Buffer.allocUnsafeSlow(capacity);
  sink.bytes.copy(grown, 0, 0, sink.length);
  sink.bytes = grown;
  sink.view = viewOf(grown);
}

/** A copy of what was written, so that the sink can be used again. */
export function written(sink: ByteSink): Buffer {
  return Buffer.from(sink.bytes.subarray(0, sink.length));
}

const VARINT_MAX_BYTES = 8;

/** A whole number from 0 to 2^53, seven bits a byte, lowest first. */
export function writeVarint(sink: ByteSink, value: number): void {
  reserve(sink, VARINT_MAX_BYTES);
  const { bytes } = sink;
  let at = sink.length;
  let rest = value;
  while (rest > 0x7fff_ffff) {
    bytes[at++] = (rest % 128) + 128;
    rest = Math.floor(rest / 128);
  }
  while (rest > 127) {
    bytes[at++] = (rest & 127) | 128;
    rest >>>= 7;
  }
  bytes[at++] = rest;
  sink.length = at;
}

/** A whole number of either sign, small magnitudes first (0, −1, 1, −2 …). */
export function writeSigned(sink: ByteSink, value: number): void {
  writeVarint(sink, value < 0 ? -2 * value - 1 : 2 * value);
}

export function writeFloat64(sink: ByteSink, value: number): void {
  reserve(sink, 8);
  sink.view.setFloat64(sink.length, value, true);
  sink.length += 8;
}

export function writeByte(sink: ByteSink, value: number): void {
  reserve(sink, 1);
  sink.bytes[sink.length++] = value;
}

/** Length in bytes, then UTF-8. */
export function writeText(sink: ByteSink, text: string): void {
  const length = Buffer.byteLength(text);
  writeVarint(sink, length);
  reserve(sink, length);
  sink.length += sink.bytes.write(text, sink.length, 'utf8');
}

export class MalformedBytesError extends Error {
  override readonly name = 'MalformedBytesError';
}

export interface ByteSource {
  readonly bytes: Buffer;
  position: number;
}

export function readByte(source: ByteSource): number {
  const byte = source.bytes[source.position];
  if (byte === undefined) throw new MalformedBytesError('it ends in the middle');
  source.position += 1;
  return byte;
}

export function readVarint(source: ByteSource): number {
  let value = 0;
  let scale = 1;
  for (let count = 0; count < VARINT_MAX_BYTES; count += 1) {
    const byte = readByte(source);
    value += (byte & 127) * scale;
    if (byte < 128) return value;
    scale *= 128;
  }
  throw new MalformedBytesError('a number is too long');
}

export function readSigned(source: ByteSource): number {
  const coded = readVarint(source);
  return coded % 2 === 0 ? coded / 2 : -(coded + 1) / 2;
}

export function readFloat64(source: ByteSource): number {
  if (source.position + 8 > source.bytes.length) throw new MalformedBytesError('it ends in the middle');
  const value = source.bytes.readDoubleLE(source.position);
  source.position += 8;
  return value;
}

export function readText(source: ByteSource): string {
  const length = readVarint(source);
  const end = source.position + length;
  if (end > source.bytes.length) throw new MalformedBytesError('it ends in the middle');
  const text = source.bytes.toString('utf8', source.position, end);
  source.position = end;
  return text;
}
