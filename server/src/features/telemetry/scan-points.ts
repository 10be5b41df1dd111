import { limits } from '@valtronics/contract';
import { isMetric, type NormalPoint } from './point.ts';
import { parseTimestamp } from './timestamp.ts';

// The body `{"points": [{"metric": …, "value": …, "timestamp": …}, …]}` read straight from its bytes. It is what nearly every device
// sends, and reading it as JSON costs most of what a point costs: an object, a text of its time and a text of its name for each, all
// kept until the commit.
//
// Two readers of one format are a risk, so this one knows only a part of JSON and says "not mine" to everything else: other fields, a
// field twice, escapes, anything beyond ASCII, texts and booleans as values, exponents, a name or a time that is not right. All of those
// go to the JSON reader, which also has all the words for what is wrong. A property test holds the two together.

/** Points of one message, one after another: `at` gives the same object for each, filled anew. */
export interface ScannedPoints {
  readonly length: number;
  at(index: number): NormalPoint;
}

const NOT_MINE = -1;
const TAB = 9;
const LINE_FEED = 10;
const RETURN = 13;
const SPACE = 32;
const QUOTE = 34;
const COMMA = 44;
const MINUS = 45;
const DOT = 46;
const ZERO = 48;
const NINE = 57;
const COLON = 58;
const BRACKET = 91;
const BRACKET_END = 93;
const BRACE = 123;
const BRACE_END = 125;
const Z = 90;
const M = 109;
const V = 118;

const bytesOf = (text: string) => Uint8Array.from(Buffer.from(text, 'latin1'));
const POINTS = bytesOf('"points"');
const METRIC = bytesOf('"metric"');
const VALUE = bytesOf('"value"');
const TIMESTAMP = bytesOf('"timestamp"');
const HAS = { metric: 1, value: 2, timestamp: 4 };

// A number of so many digits is whole and exact, as are these powers, so one division is rounded right (Clinger 1990).
const EXACT_DIGITS = 15;
const POWERS = Array.from({ length: EXACT_DIGITS + 1 }, (_, exponent) => 10 ** exponent);

/** The names that were read last, so that a name is one text and not one for each point. */
const NAMES = 1024;
const MAX_NAME = 64;
const names: (string | undefined)[] = new Array(NAMES).fill(undefined);

/** `2026-11-05T12:34:` and its time: points of a message share their minute as a rule. */
const MINUTE_TEXT = 17;
const minute = { text: new Uint8Array(MINUTE_TEXT), micros: Number.NaN };

// Of the one scan that is under way: it does not wait for anything.
let bytes: Buffer;
let position = 0;

/** Undefined: not mine. */
export function scanPoints(body: Buffer): ScannedPoints | undefined {
  bytes = body;
  position = 0;
  if (!(takes(BRACE) && takesAll(POINTS) && takes(COLON) && takes(BRACKET))) return undefined;
  const metrics: string[] = [];
  const values: number[] = [];
  const times: number[] = [];
  do {
    if (metrics.length === limits.batchPoints || !scanPoint(metrics, values, times)) return undefined;
  } while (takes(COMMA));
  if (!(takes(BRACKET_END) && takes(BRACE_END))) return undefined;
  skipSpace();
  return position === bytes.length ? scanned(metrics, values, times) : undefined;
}

function scanned(metrics: readonly string[], values: readonly number[], times: readonly number[]): ScannedPoints {
  const point = {
    ok: true as const,
    deviceId: undefined,
    metric: '',
    value: 0,
    unit: undefined,
    atMicros: Number.NaN,
    id: undefined,
  };
  return {
    length: metrics.length,
    at(index) {
      point.metric = metrics[index] ?? '';
      point.value = values[index] ?? Number.NaN;
      point.atMicros = times[index] ?? Number.NaN;
      return point;
    },
  };
}

function scanPoint(metrics: string[], values: number[], times: number[]): boolean {
  if (!takes(BRACE)) return false;
  let has = 0;
  let metric = '';
  let value = 0;
  let atMicros = Number.NaN;
  do {
    skipSpace();
    const initial = bytes[position + 1];
    const key = initial === M ? HAS.metric : initial === V ? HAS.value : HAS.timestamp;
    if (has & key || !takesAll(initial === M ? METRIC : initial === V ? VALUE : TIMESTAMP) || !takes(COLON))
      return false;
    has |= key;
    skipSpace();
    if (key === HAS.metric) {
      const name = scanName();
      if (name === undefined) return false;
      metric = name;
    } else if (key === HAS.value) {
      value = scanNumber();
      if (Number.isNaN(value)) return false;
    } else {
      atMicros = bytes[position] === QUOTE ? scanTime() : scanMilliseconds();
      if (Number.isNaN(atMicros)) return false;
    }
  } while (takes(COMMA));
  if (!takes(BRACE_END) || (has & (HAS.metric | HAS.value)) !== (HAS.metric | HAS.value)) return false;
  metrics.push(metric);
  values.push(value);
  times.push(atMicros);
  return true;
}

function skipSpace(): void {
  let byte = bytes[position];
  while (byte === SPACE || byte === LINE_FEED || byte === RETURN || byte === TAB) {
    position += 1;
    byte = bytes[position];
  }
}

function takes(wanted: number): boolean {
  skipSpace();
  if (bytes[position] !== wanted) return false;
  position += 1;
  return true;
}

function takesAll(wanted: Uint8Array): boolean {
  skipSpace();
  for (let index = 0; index < wanted.length; index += 1) if (bytes[position + index] !== wanted[index]) return false;
  position += wanted.length;
  return true;
}

function scanName(): string | undefined {
  if (bytes[position] !== QUOTE) return undefined;
  const start = position + 1;
  let end = start;
  let hash = 0;
  for (let byte = bytes[end]; byte !== QUOTE; byte = bytes[end]) {
    if (byte === undefined || end - start >= MAX_NAME) return undefined;
    hash = (Math.imul(hash, 31) + byte) | 0;
    end += 1;
  }
  position = end + 1;
  const place = hash & (NAMES - 1);
  const known = names[place];
  if (known !== undefined && isText(known, start, end)) return known;
  const name = bytes.toString('latin1', start, end);
  if (!isMetric(name)) return undefined;
  names[place] = name;
  return name;
}

function isText(text: string, start: number, end: number): boolean {
  if (text.length !== end - start) return false;
  for (let index = 0; index < text.length; index += 1)
    if (bytes[start + index] !== text.charCodeAt(index)) return false;
  return true;
}

/** NaN: not mine. */
function scanNumber(): number {
  const start = position;
  const isNegative = bytes[position] === MINUS;
  if (isNegative) position += 1;
  const firstDigit = position;
  let whole = scanDigits(0);
  const wholeDigits = position - firstDigit;
  if (wholeDigits === 0 || (wholeDigits > 1 && bytes[firstDigit] === ZERO)) return Number.NaN;
  let decimals = 0;
  if (bytes[position] === DOT) {
    position += 1;
    const firstDecimal = position;
    whole = scanDigits(whole);
    decimals = position - firstDecimal;
    if (decimals === 0) return Number.NaN;
  }
  // Long ones are read the long way; an exponent shows as a byte that should not be here.
  if (wholeDigits + decimals > EXACT_DIGITS) {
    const long = Number(bytes.toString('latin1', start, position));
    return Number.isFinite(long) ? long : Number.NaN;
  }
  const value = whole / (POWERS[decimals] ?? Number.NaN);
  return isNegative ? -value : value;
}

/** Goes on from the digits before; not exact beyond fifteen of them. */
function scanDigits(before: number): number {
  let value = before;
  for (let byte = bytes[position]; byte !== undefined && byte >= ZERO && byte <= NINE; byte = bytes[position]) {
    value = value * 10 + byte - ZERO;
    position += 1;
  }
  return value;
}

function scanMilliseconds(): number {
  const milliseconds = scanNumber();
  return Number.isSafeInteger(milliseconds) && milliseconds >= 0 ? milliseconds * 1000 : Number.NaN;
}

/** `"2026-11-05T12:34:56.789Z"`: up to the minute by the general reader unless it was the same just now, the rest here. */
function scanTime(): number {
  const start = position + 1;
  if (!isSameMinute(start)) {
    const micros = parseTimestamp(`${bytes.toString('latin1', start, start + MINUTE_TEXT)}00Z`);
    if (Number.isNaN(micros)) return Number.NaN;
    minute.text.set(bytes.subarray(start, start + MINUTE_TEXT));
    minute.micros = micros;
  }
  const seconds = twoDigits(start + MINUTE_TEXT);
  if (seconds === NOT_MINE || seconds > 59) return Number.NaN;
  position = start + MINUTE_TEXT + 2;
  let fraction = 0;
  if (bytes[position] === DOT) {
    position += 1;
    const first = position;
    fraction = scanDigits(0);
    const digits = position - first;
    if (digits === 0 || digits > 6) return Number.NaN;
    fraction *= POWERS[6 - digits] ?? Number.NaN;
  }
  if (bytes[position] !== Z || bytes[position + 1] !== QUOTE) return Number.NaN;
  position += 2;
  return minute.micros + seconds * 1_000_000 + fraction;
}

function isSameMinute(start: number): boolean {
  if (Number.isNaN(minute.micros)) return false;
  // From its end, where two minutes differ.
  for (let index = MINUTE_TEXT - 1; index >= 0; index -= 1)
    if (bytes[start + index] !== minute.text[index]) return false;
  return true;
}

function twoDigits(at: number): number {
  const tens = (bytes[at] ?? 0) - ZERO;
  const ones = (bytes[at + 1] ?? 0) - ZERO;
  return tens >= 0 && tens <= 9 && ones >= 0 && ones <= 9 ? tens * 10 + ones : NOT_MINE;
}
