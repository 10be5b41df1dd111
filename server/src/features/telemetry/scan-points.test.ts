import { limits, telemetrySend } from '@valtronics/contract';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseJson } from '../../lib/json.ts';
import { readPoint } from './point.ts';
import { scanPoints } from './scan-points.ts';

const space = fc.constantFrom('', '', '', ' ', '\n', '\r\n\t ');
const metric = fc.oneof(
  fc.constantFrom('temperature', 'a.b-c_9', 'm'.repeat(64)),
  fc.constantFrom('', 'x y', 'ü', 'm'.repeat(65), '__proto__', 'te\\u006dp'),
);
const number = fc.oneof(
  fc.double({ noNaN: true, noDefaultInfinity: true }).map(String),
  fc.integer().map(String),
  fc.tuple(fc.integer({ min: -1e6, max: 1e6 }), fc.nat(1e9)).map(([whole, part]) => `${whole}.${part}`),
  fc.constantFrom(
    '0',
    '-0',
    '-0.0',
    '0.1',
    '00',
    '01',
    '-',
    '.5',
    '1.',
    '1e3',
    '1E400',
    '+1',
    'NaN',
    'null',
    'true',
    '"5"',
  ),
  fc.constantFrom('9007199254740993', '0.1234567890123456789', '123456789012345', '1234567890123456', '1'.repeat(400)),
);
const time = fc.oneof(
  fc.nat(2e12).map(String),
  fc.constantFrom('-1', '1.5', '12.0', '9007199254740993', '"1761000000000"'),
  fc
    .tuple(fc.integer({ min: 0, max: 2 ** 32 }), fc.constantFrom('', '.1', '.123', '.000001', '.1234567', '.'))
    .map(([seconds, part]) => `"${new Date(seconds * 1000).toISOString().slice(0, 19)}${part}Z"`),
  fc.constantFrom(
    '"2026-02-29T00:00:00Z"',
    '"2024-02-29T23:59:60Z"',
    '"2026-01-01T00:00:00+01:00"',
    '"2026-01-01T00:00:0Z"',
  ),
);
const field = fc.oneof(
  { weight: 4, arbitrary: metric.map((text) => `"metric":"${text}"`) },
  { weight: 4, arbitrary: fc.tuple(space, number).map(([gap, text]) => `"value":${gap}${text}`) },
  { weight: 3, arbitrary: fc.tuple(space, time).map(([gap, text]) => `"timestamp"${gap}:${text}`) },
  { weight: 1, arbitrary: fc.constantFrom('"unit":"C"', '"id":"1"', '"metrics":"m"', '"Value":1', '"__proto__":1') },
);
const goodTime = fc.oneof(
  fc.nat(2e12).map(String),
  fc.nat(2e12).map((milliseconds) => JSON.stringify(new Date(milliseconds))),
);
const usual = fc
  .tuple(
    fc.constantFrom('temperature', 'humidity'),
    fc.double({ min: -99, max: 99, noNaN: true }),
    fc.oneof({ weight: 9, arbitrary: goodTime }, { weight: 1, arbitrary: time }),
  )
  .map(([name, value, at]) => `{"metric":"${name}","value":${value.toFixed(2)},"timestamp":${at}}`);
const rough = fc.tuple(fc.array(field, { maxLength: 5 }), space).map(([fields, gap]) => `{${fields.join(`,${gap}`)}}`);
const body = fc
  .tuple(
    space,
    fc.array(fc.oneof({ weight: 3, arbitrary: usual }, { weight: 1, arbitrary: rough }), { maxLength: 4 }),
    space,
    fc.constantFrom('', '', '', 'x', ',', '}'),
  )
  .map(([gap, points, end, rest]) => `${gap}{"points":${gap}[${points.join(`${gap},`)}]${end}}${rest}`);
/** One byte is another: most are nothing any more, some are what nobody thought of. */
const damaged = fc.tuple(body, fc.nat(), fc.nat(255)).map(([text, at, byte]) => {
  const bytes = Buffer.from(text);
  bytes[at % bytes.length] = byte;
  return bytes;
});

let scanned = 0;
function holdsWithTheJsonReader(bytes: Buffer): void {
  const points = scanPoints(bytes);
  if (points === undefined) return;
  scanned += 1;
  const read = telemetrySend.body.parse(parseJson(bytes, { itemsCheckedIn: 'points' })).points;
  expect(points.length).toBe(read.length);
  for (const [index, point] of read.entries()) expect({ ...points.at(index) }).toEqual(readPoint(point));
}

describe('scanPoints', () => {
  it('[ASVS 1.5.3] reads what it reads as the JSON reader, the schema and readPoint do, whatever the bytes', () => {
    scanned = 0;
    fc.assert(
      fc.property(fc.oneof(body.map(Buffer.from), damaged), (bytes) => holdsWithTheJsonReader(Buffer.from(bytes))),
      { numRuns: 20_000 },
    );
    // Nothing would be shown if it declined them all.
    expect(scanned).toBeGreaterThan(500);
  });

  it('reads any number as JSON does, to the last bit', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          number,
          fc.double({ noNaN: true, noDefaultInfinity: true }).map((n) => n.toFixed(12)),
        ),
        (text) => {
          const bytes = Buffer.from(`{"points":[{"metric":"m","value":${text}}]}`);
          const points = scanPoints(bytes);
          if (points) expect(Object.is(points.at(0).value, JSON.parse(text))).toBe(true);
        },
      ),
      { numRuns: 20_000 },
    );
  });

  it('knows what devices usually send', () => {
    const points = [
      { metric: 'temperature', value: 21.5, timestamp: '2026-11-05T12:34:56.789Z' },
      { metric: 'humidity', value: -0.25, timestamp: '2026-11-05T12:34:57Z' },
      { metric: 'pressure', value: 1013, timestamp: 1_761_000_000_000 },
      { metric: 'battery', value: 0 },
    ];
    for (const spaces of [0, 2]) {
      const known = scanPoints(Buffer.from(JSON.stringify({ points }, null, spaces)));
      expect(known?.length).toBe(4);
      expect(points.map((point, index) => [readPoint(point), { ...known?.at(index) }])).toEqual(
        points.map((point) => [readPoint(point), readPoint(point)]),
      );
    }
  });

  it('says "not mine" to everything that takes more than that', () => {
    const notMine = [
      '',
      '{}',
      '{"points":[]}',
      '[{"metric":"m","value":1}]',
      '{"points":[{"metric":"m","value":1}],"more":1}',
      '{"points":[{"metric":"m","value":1}]} x',
      '{"points":[{"metric":"m"}]}',
      '{"points":[{"value":1}]}',
      '{"points":[{"metric":"m","metric":"n","value":1}]}',
      '{"points":[{"metric":"m","value":"text"}]}',
      '{"points":[{"metric":"m","value":true}]}',
      '{"points":[{"metric":"m","value":1e3}]}',
      '{"points":[{"metric":"m","value":1,"unit":"C"}]}',
      '{"points":[{"metric":"m","value":1,"deviceId":"x"}]}',
      '{"points":[{"metric":"m","value":1},]}',
      `{"points":[${Array(limits.batchPoints + 1).fill('{"metric":"m","value":1}')}]}`,
    ];
    for (const text of notMine) expect(scanPoints(Buffer.from(text)), text.slice(0, 80)).toBeUndefined();
  });
});
