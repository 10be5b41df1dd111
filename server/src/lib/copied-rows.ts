/** Reads rows one after the other. */
export interface CopiedRows {
  /** Goes on to the next row; false: there is none. */
  next(): boolean;
  /** Where a field of the row begins in the bytes; below 0: it is null. */
  start(field: number): number;
  end(field: number): number;
  /** A field of the row as text. */
  text(field: number): string | null;
}

// PostgreSQL 18, COPY, "Binary Format".
const SIGNATURE = Buffer.from('PGCOPY\n\xff\r\n\0', 'latin1');
const HEADER_BYTES = SIGNATURE.length + 8;
const MOST_BYTES = 2 ** 31 - 1;

/** What `COPY … TO STDOUT (FORMAT binary)` says, of rows with so many fields each. Throws a RangeError where it is cut off or something else. */
export function copiedRows(bytes: Buffer, fields: number): CopiedRows {
  if (bytes.length < HEADER_BYTES || !bytes.subarray(0, SIGNATURE.length).equals(SIGNATURE))
    throw new RangeError('no rows as COPY writes them');
  if (bytes.length > MOST_BYTES) throw new RangeError('more bytes than their places can be kept of');
  const starts = new Int32Array(fields).fill(-1);
  const ends = new Int32Array(fields);
  const start = (field: number): number => starts[field] ?? -1;
  const end = (field: number): number => ends[field] ?? 0;
  let at = HEADER_BYTES + bytes.readInt32BE(HEADER_BYTES - 4);

  return {
    start,
    end,
    next() {
      const count = bytes.readInt16BE(at);
      at += 2;
      if (count === -1) return false;
      if (count !== fields) throw new RangeError(`a row has ${count} fields instead of ${fields}`);
      for (let field = 0; field < fields; field += 1) {
        const length = bytes.readInt32BE(at);
        at += 4;
        if (length < -1 || length > bytes.length - at) throw new RangeError('a row ends in the middle of a field');
        starts[field] = length < 0 ? -1 : at;
        at += Math.max(0, length);
        ends[field] = at;
      }
      return true;
    },
    text: (field) => (start(field) < 0 ? null : bytes.toString('utf8', start(field), end(field))),
  };
}
