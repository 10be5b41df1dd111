import { limits, point as schema } from '@valtronics/contract';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readPoint, refusedTime } from './point.ts';
import { dayOf, dayText, parseTimestamp, timestampParameter, timestampText } from './timestamp.ts';

const digit = fc.integer({ min: 0, max: 9 }).map(String);
const twoDigits = fc.integer({ min: 0, max: 99 }).map((number) => String(number).padStart(2, '0'));
/** Near-misses of RFC 3339: every field may be out of its range, every part may be missing. */
const roughTimestamp = fc
  .tuple(
    fc.oneof(fc.integer({ min: 0, max: 9999 }), fc.constantFrom(1900, 2000, 2023, 2024, 2026)),
    fc.oneof(fc.integer({ min: 1, max: 12 }), fc.integer({ min: 0, max: 14 })),
    fc.oneof(fc.integer({ min: 1, max: 28 }), fc.integer({ min: 0, max: 33 })),
    fc.constantFrom('T', 'T', 'T', 't', ' '),
    fc.oneof(fc.integer({ min: 0, max: 23 }), fc.integer({ min: 0, max: 26 })),
    fc.oneof(fc.integer({ min: 0, max: 59 }), fc.integer({ min: 0, max: 62 })),
    fc.oneof(fc.integer({ min: 0, max: 59 }), fc.integer({ min: 0, max: 62 })),
    fc.oneof(
      fc.constant(''),
      fc.array(digit, { maxLength: 22 }).map((digits) => `.${digits.join('')}`),
    ),
    fc.oneof(
      fc.constantFrom('Z', 'Z', 'z', '', '+00:00', '-00:00', '+0100', '+24:00', '-23:59', '+05:60'),
      fc.tuple(fc.constantFrom('+', '-'), twoDigits, twoDigits).map(([sign, h, m]) => `${sign}${h}:${m}`),
    ),
  )
  .map(([year, month, day, separator, hour, minute, second, fraction, zone]) => {
    const pad = (number: number, width = 2) => String(number).padStart(width, '0');
    return `${pad(year, 4)}-${pad(month)}-${pad(day)}${separator}${pad(hour)}:${pad(minute)}:${pad(second)}${fraction}${zone}`;
  });

const anything = fc.anything({ withNullPrototype: true });
const roughPoint = fc.record(
  {
    metric: fc.oneof(fc.constantFrom('temperature', 'a.b-c_9', '', 'x y', 'm'.repeat(65)), fc.string(), anything),
    value: fc.oneof(fc.double(), fc.boolean(), fc.string({ unit: 'binary', maxLength: 40 }), anything),
    timestamp: fc.oneof(roughTimestamp, fc.integer(), fc.double(), anything),
    deviceId: fc.oneof(
      fc.uuid(),
      fc.uuid().map((id) => id.toUpperCase()),
      fc.string(),
      anything,
    ),
    unit: fc.oneof(fc.string({ unit: 'grapheme', maxLength: 40 }), anything),
    id: fc.oneof(fc.string({ maxLength: 140 }), anything),
    extra: anything,
  },
  { requiredKeys: ['metric', 'value'] },
);
const mostlyGood = fc.record(
  {
    metric: fc.constantFrom('temperature', 'a.b-c_9'),
    value: fc.oneof(fc.double({ noNaN: true, noDefaultInfinity: true }), fc.boolean(), fc.string({ maxLength: 30 })),
    timestamp: fc.oneof(roughTimestamp, fc.nat()),
    deviceId: fc.uuid(),
    unit: fc.string({ unit: 'grapheme-ascii', maxLength: 33 }),
    id: fc.string({ unit: 'grapheme-ascii', maxLength: 129 }),
  },
  { requiredKeys: ['metric', 'value'] },
);

/** What is asked beyond the schema: texts must come back from PostgreSQL as they were sent. */
function isStorable(input: unknown): boolean {
  if (typeof input !== 'object' || input === null) return true;
  const { value, unit, id } = input as Record<string, unknown>;
  const texts = [value, unit, id].filter((text) => typeof text === 'string');
  if (texts.some((text) => text.includes('\0') || !text.isWellFormed())) return false;
  return typeof value !== 'string' || Buffer.byteLength(value) <= limits.stringBytes;
}

describe('readPoint', () => {
  it('gives the verdict of the contract for anything', () => {
    fc.assert(
      fc.property(fc.oneof(mostlyGood, roughPoint, anything), (input) => {
        expect(readPoint(input).ok).toBe(schema.safeParse(input).success && isStorable(input));
      }),
      { numRuns: 3000 },
    );
  });

  it('reads what the schema reads, with the time in microseconds', () => {
    const read = readPoint({ metric: 'm', value: 1, timestamp: '2026-11-05T12:00:00.123456789+02:00', unit: 'V' });
    expect(read).toMatchObject({ ok: true, metric: 'm', value: 1, unit: 'V' });
    expect(read.ok && read.atMicros).toBe(Date.UTC(2026, 10, 5, 10) * 1000 + 123_456);
    const fromNumber = readPoint({ metric: 'm', value: true, timestamp: 1_700_000_000_001 });
    expect(fromNumber.ok && fromNumber.atMicros).toBe(1_700_000_000_001_000);
  });

  it('refuses keys that would pollute a prototype, and names the field of every refusal', () => {
    const polluted = JSON.parse('{"metric":"m","value":1,"__proto__":{"admin":true}}') as unknown;
    expect(readPoint(polluted)).toMatchObject({ ok: false, detail: '__proto__: unknown field' });
    expect(readPoint({ metric: 'm', value: 1, constructor: 1 })).toMatchObject({ ok: false });
    expect(readPoint({ metric: 'm', value: Number.POSITIVE_INFINITY })).toMatchObject({ detail: /^value:/ });
  });

  it('counts a text in bytes: 1,024 pass, 1,026 in half as many characters do not', () => {
    expect(readPoint({ metric: 'm', value: 'x'.repeat(1024) }).ok).toBe(true);
    expect(readPoint({ metric: 'm', value: 'x'.repeat(1025) }).ok).toBe(false);
    expect(readPoint({ metric: 'm', value: 'é'.repeat(512) }).ok).toBe(true);
    expect(readPoint({ metric: 'm', value: 'é'.repeat(513) }).ok).toBe(false);
    expect(readPoint({ metric: 'm', value: 'a\0b' }).ok).toBe(false);
    expect(readPoint({ metric: 'm', value: '\ud800' }).ok).toBe(false);
  });
});

describe('timestamps', () => {
  it('agree with Date for every instant and offset the schema takes', () => {
    fc.assert(
      fc.property(roughTimestamp, (text) => {
        const micros = parseTimestamp(text);
        if (!schema.shape.timestamp.safeParse(text).success) {
          expect(micros).toBeNaN();
          return;
        }
        const fraction = /\.(\d+)/.exec(text)?.[1] ?? '';
        const whole = Date.parse(text.replace(/\.\d+/, ''));
        expect(micros).toBe(whole * 1000 + Number(fraction.padEnd(6, '0').slice(0, 6)));
      }),
      { numRuns: 3000 },
    );
  });

  it('survive as a parameter to the microsecond, and are answered in milliseconds', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 4_102_444_800_000_000 }), (micros) => {
        expect(parseTimestamp(timestampParameter(micros))).toBe(micros);
        expect(parseTimestamp(timestampText(micros))).toBe(Math.floor(micros / 1000) * 1000);
        expect(timestampText(micros).startsWith(dayText(dayOf(micros)))).toBe(true);
      }),
    );
  });

  it('are refused a second beyond 24 hours ahead or beyond the retention, and not before', () => {
    const now = Date.UTC(2026, 10, 5) * 1000;
    const second = 1_000_000;
    const day = 86_400 * second;
    expect(refusedTime(now + day, now, 30)).toBeUndefined();
    expect(refusedTime(now + day + second, now, 30)).toMatchObject({ code: 'too_far_ahead' });
    expect(refusedTime(now - 30 * day, now, 30)).toBeUndefined();
    expect(refusedTime(now - 30 * day - second, now, 30)).toMatchObject({ code: 'past_retention' });
  });
});
