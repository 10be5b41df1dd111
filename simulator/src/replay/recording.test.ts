import { Readable } from 'node:stream';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { csvLines, longestLine, splitFields } from './csv.ts';
import { readTimestamp, readValue } from './record.ts';
import { readRecording } from './recording.ts';

/** The text as a file's bytes, cut into chunks of this size: also through characters and line ends. */
const inChunks = (text: string, size: number): Readable => {
  const bytes = Buffer.from(text);
  const chunks: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += size) chunks.push(bytes.subarray(at, at + size));
  return Readable.from(chunks);
};

async function allOf<T>(source: AsyncIterable<T>): Promise<T[]> {
  const items: T[] = [];
  for await (const item of source) items.push(item);
  return items;
}

const entriesOf = (text: string, size = 7) => allOf(readRecording(inChunks(text, size)));

async function read(text: string, size?: number) {
  const entries = await entriesOf(text, size);
  return {
    points: entries.flatMap((entry) => ('point' in entry ? [entry.point] : [])),
    bad: entries.flatMap((entry) => ('bad' in entry ? [entry.bad] : [])),
  };
}

const quoted = (field: string): string => (/[",]/.test(field) ? `"${field.replaceAll('"', '""')}"` : field);

describe('CSV', () => {
  test('what is written by the rules of RFC 4180 is read back, whatever the line ends and the chunks', async () => {
    const aField = fc.string({ maxLength: 12, unit: 'grapheme' }).filter((field) => !/[\r\n\uFEFF]/.test(field));
    const aRow = fc.array(aField, { minLength: 2, maxLength: 5 });
    await fc.assert(
      fc.asyncProperty(
        fc.array(aRow, { minLength: 1, maxLength: 8 }),
        fc.constantFrom('\n', '\r\n', '\r'),
        fc.integer({ min: 1, max: 9 }),
        fc.boolean(),
        fc.boolean(),
        async (rows, lineEnd, size, mark, lastEnd) => {
          const text =
            (mark ? '\uFEFF' : '') +
            rows.map((row) => row.map(quoted).join(',')).join(lineEnd) +
            (lastEnd ? lineEnd : '');
          const lines = await allOf(csvLines(inChunks(text, size)));
          expect(lines.map((line) => ('fields' in line ? line.fields : line))).toEqual(rows);
          expect(lines.map(({ line }) => line)).toEqual(rows.map((_, index) => index + 1));
        },
      ),
      { numRuns: 150 },
    );
  });

  test('no bytes whatever make the reader throw, and each line is told once and in order', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), fc.integer({ min: 1, max: 50 }), async (bytes, size) => {
        const entries = await entriesOf(Buffer.from(bytes).toString('latin1'), size);
        const lines = entries.map((entry) => ('bad' in entry ? entry.bad.line : entry.point.line));
        expect(lines).toEqual([...new Set(lines)].toSorted((left, right) => left - right));
      }),
    );
  });

  test.each([
    ['a,"b"', ['a', 'b']],
    ['"a ""quoted"" word",', ['a "quoted" word', '']],
    ['"a', null],
    ['"a"b,c', null],
    ['a"b,c', null],
    [',', ['', '']],
  ])('%s', (text, fields) => {
    expect(splitFields(text)).toEqual(fields);
  });

  test('a missing quote costs its own line only, and an endless line is skipped without being kept', async () => {
    const { points, bad } = await read(
      `timestamp,value\n1700000000,"1\n1700000001,2\n1700000002,${'9'.repeat(longestLine * 3)}\n1700000003,4\n`,
      10_000,
    );
    expect(points.map(({ value }) => value)).toEqual([2, 4]);
    expect(bad.map(({ line }) => line)).toEqual([2, 4]);
  });

  test('how far the file has been read only grows and ends at its size', async () => {
    const text = `timestamp,value\r\n${Array.from({ length: 50 }, (_, index) => `${1_700_000_000 + index},${index}`).join('\r\n')}\r\n`;
    const bytes = (await entriesOf(text, 100)).map((entry) => entry.bytes);
    expect(bytes).toEqual(bytes.toSorted((left, right) => left - right));
    expect(bytes.at(-1)).toBe(text.length);
  });
});

describe('a recording', () => {
  test('needs no header: the number of columns says what they are', async () => {
    expect((await read('1700000000,1.5')).points).toMatchObject([
      { timestamp: 1_700_000_000_000, value: 1.5, line: 1 },
    ]);
    expect((await read('1700000000,co2,612')).points).toMatchObject([{ metric: 'co2', value: 612 }]);
    expect((await read('1700000000,co2,612,Hall')).points).toMatchObject([
      { metric: 'co2', value: 612, device: 'Hall' },
    ]);
  });

  test('may have a header that names the columns in another order, beside others', async () => {
    const { points, bad } = await read(
      'Device,Note,Value,Time,Metric\nHall,x,true,2026-11-25T08:00:00+01:00,door_open\n',
    );
    expect(bad).toEqual([]);
    expect(points).toEqual([
      { line: 2, timestamp: Date.UTC(2026, 10, 25, 7), metric: 'door_open', value: true, device: 'Hall' },
    ]);
  });

  test('may have a header of other names, which is no bad line', async () => {
    const { points, bad } = await read('Zeitpunkt,Messwert\n1700000000,1\n');
    expect([points.length, bad.length]).toEqual([1, 0]);
  });

  test('reports each bad line by its number with the reason and reads on', async () => {
    const { points, bad } = await read(
      [
        '1700000000,t,1',
        'soon,t,1',
        '',
        '1700000001,t,NaN',
        '1700000002,"bad metric",1',
        '1700000003,t',
        '1700000004,t,5',
      ].join('\n'),
    );
    expect(points.map(({ line }) => line)).toEqual([1, 7]);
    expect(bad.map(({ line }) => line)).toEqual([2, 4, 5, 6]);
    expect(bad.map(({ reason }) => reason).join('\n')).toMatch(
      /not a time: "soon".*\nnot a value: "NaN"\nnot a metric name: "bad metric"\na column is missing/,
    );
  });

  test('a first measurement that is spoilt is a bad line, not a header', async () => {
    const { bad } = await read('2026-13-01T00:00:00Z,1\n1700000000,1\n');
    expect(bad.map(({ line }) => line)).toEqual([1]);
  });

  test('control characters of a file do not reach the terminal through a reason', async () => {
    const { bad } = await read('1700000000,1\n\u001b[2Jnow,1\n');
    expect(bad[0]?.reason).toContain('\\u001b');
    expect(bad[0]?.reason).not.toContain('\u001b');
  });
});

describe('a time', () => {
  test('is read the same from RFC 3339, seconds and milliseconds', () => {
    fc.assert(
      fc.property(fc.integer({ min: 200_000_000_000, max: 4_000_000_000_000 }), (ms) => {
        expect(readTimestamp(new Date(ms).toISOString())).toBe(ms);
        expect(readTimestamp(String(ms))).toBe(ms);
        expect(readTimestamp((ms / 1000).toFixed(3))).toBe(ms);
      }),
    );
  });

  test.each([
    '2026-11-25T08:00:00',
    '2026-02-30T00:00:00Z',
    '2026-11-25',
    '25.11.2026 08:00',
    '1e9',
    '-5',
    '9'.repeat(16),
    '',
  ])('%j is none', (text) => {
    expect(readTimestamp(text)).toBeNull();
  });
});

describe('a value', () => {
  test('every finite number is read as it was written', () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (number) => {
        expect(readValue(String(number))).toBe(number === 0 ? Number(String(number)) : number);
      }),
    );
  });

  test.each([
    ['TRUE', true],
    ['false', false],
    ['door open', 'door open'],
    ['1e999', null],
    ['Infinity', null],
    ['', null],
    ['x'.repeat(1025), null],
  ])('%j', (text, value) => {
    expect(readValue(text)).toBe(value);
  });
});
