import fc from 'fast-check';
import { expect, it } from 'vitest';
import { copiedRows } from './copied-rows.ts';

// What PostgreSQL itself writes is read in `platform/db/copy-out.test.ts`.

const number = (value: number, bytes: 2 | 4): Buffer => {
  const made = Buffer.alloc(bytes);
  made.writeIntBE(value, 0, bytes);
  return made;
};

function written(rows: readonly (readonly (string | null)[])[], { extension = 0 } = {}): Buffer {
  const fields = rows.flatMap((row) => [
    number(row.length, 2),
    ...row.flatMap((text) =>
      text === null ? [number(-1, 4)] : [number(Buffer.byteLength(text), 4), Buffer.from(text)],
    ),
  ]);
  const header = [
    Buffer.from('PGCOPY\n\xff\r\n\0', 'latin1'),
    number(0, 4),
    number(extension, 4),
    Buffer.alloc(extension),
  ];
  return Buffer.concat([...header, ...fields, number(-1, 2)]);
}

function read(bytes: Buffer, fields: number): (string | null)[][] {
  const rows = copiedRows(bytes, fields);
  const found: (string | null)[][] = [];
  while (rows.next()) found.push(Array.from({ length: fields }, (_, field) => rows.text(field)));
  return found;
}

const someRows = fc.integer({ min: 1, max: 5 }).chain((fields) =>
  fc.array(fc.array(fc.option(fc.string({ unit: 'grapheme' })), { minLength: fields, maxLength: fields }), {
    maxLength: 6,
  }),
);

it('rows come out as they were written, an empty text apart from none at all', () => {
  fc.assert(
    fc.property(someRows, fc.nat({ max: 40 }), (rows, extension) => {
      expect(read(written(rows, { extension }), rows[0]?.length ?? 1)).toEqual(rows);
    }),
  );
});

it('what is cut off anywhere is refused, as is what was never rows', () => {
  fc.assert(
    fc.property(someRows, (rows) => {
      const whole = written(rows);
      for (let length = 0; length < whole.length; length += 1)
        expect(() => read(whole.subarray(0, length), rows[0]?.length ?? 1), `${length}`).toThrow(RangeError);
    }),
    { numRuns: 20 },
  );
  expect(() => read(Buffer.alloc(100), 1)).toThrow('no rows as COPY writes them');
});

it('a row of another number of fields is refused', () => {
  expect(() => read(written([['a', 'b']]), 3)).toThrow('a row has 2 fields instead of 3');
});

it('a length that no field can have is refused', () => {
  const bytes = written([['abcd']]);
  bytes.writeInt32BE(-2, bytes.length - 10);
  expect(() => read(bytes, 1)).toThrow('a row ends in the middle of a field');
});
