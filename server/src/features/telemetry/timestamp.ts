/** Times are microseconds since 1970 as a number: exact until the year 2255, and what PostgreSQL keeps. */

const DAY_SECONDS = 86_400;
const ZERO = 48;
const NINE = 57;
const DAYS_IN_MONTH = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/**
 * RFC 3339 with an offset, exactly as the contract's `timestamp` (case, range of each field, leap years), without a regular
 * expression and a Date, which would be most of the cost of a point. NaN when it is none. Beyond microseconds digits are cut.
 */
export function parseTimestamp(text: string): number {
  const length = text.length;
  if (length < 20 || length > 40) return Number.NaN;
  if (
    text.charCodeAt(4) !== 45 ||
    text.charCodeAt(7) !== 45 ||
    text.charCodeAt(10) !== 84 ||
    text.charCodeAt(13) !== 58 ||
    text.charCodeAt(16) !== 58
  ) {
    return Number.NaN;
  }
  const year = twoDigits(text, 0) * 100 + twoDigits(text, 2);
  const month = twoDigits(text, 5);
  const day = twoDigits(text, 8);
  const hour = twoDigits(text, 11);
  const minute = twoDigits(text, 14);
  const second = twoDigits(text, 17);
  // A field that is no number is NaN and fails its comparison.
  if (!(month >= 1 && month <= 12 && day >= 1 && day <= daysIn(year, month))) return Number.NaN;
  if (!(hour <= 23 && minute <= 59 && second <= 59)) return Number.NaN;

  let position = 19;
  let micros = 0;
  if (text.charCodeAt(position) === 46) {
    position += 1;
    const start = position;
    let scale = 100_000;
    for (; position < length; position += 1) {
      const code = text.charCodeAt(position);
      if (code < ZERO || code > NINE) break;
      micros += Math.floor((code - ZERO) * scale);
      scale = scale === 1 ? 0 : scale / 10;
    }
    if (position === start) return Number.NaN;
  }
  const offset = offsetSeconds(text, position);
  const seconds = daysSince1970(year, month, day) * DAY_SECONDS + hour * 3600 + minute * 60 + second - offset;
  return seconds * 1_000_000 + micros;
}

function offsetSeconds(text: string, position: number): number {
  const sign = text.charCodeAt(position);
  if (sign === 90) return text.length === position + 1 ? 0 : Number.NaN;
  if ((sign !== 43 && sign !== 45) || text.length !== position + 6 || text.charCodeAt(position + 3) !== 58) {
    return Number.NaN;
  }
  const hours = twoDigits(text, position + 1);
  const minutes = twoDigits(text, position + 4);
  if (!(hours <= 23 && minutes <= 59)) return Number.NaN;
  return (hours * 3600 + minutes * 60) * (sign === 45 ? -1 : 1);
}

function twoDigits(text: string, position: number): number {
  const tens = text.charCodeAt(position);
  const ones = text.charCodeAt(position + 1);
  if (!(tens >= ZERO && tens <= NINE && ones >= ZERO && ones <= NINE)) return Number.NaN;
  return (tens - ZERO) * 10 + ones - ZERO;
}

function daysIn(year: number, month: number): number {
  if (month === 2 && (year % 4 === 0 ? year % 100 !== 0 || year % 400 === 0 : false)) return 29;
  return DAYS_IN_MONTH[month - 1] ?? 0;
}

/** Proleptic Gregorian: years start in March, so the leap day is the last of a year; eras are 400 years. */
function daysSince1970(year: number, month: number, day: number): number {
  const shifted = month <= 2 ? year - 1 : year;
  const era = Math.floor(shifted / 400);
  const yearOfEra = shifted - era * 400;
  const dayOfYear = Math.floor((153 * (month > 2 ? month - 3 : month + 9) + 2) / 5) + day - 1;
  const dayOfEra = yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear;
  return era * 146_097 + dayOfEra - 719_468;
}

/** As answers carry it: UTC with milliseconds. */
export function timestampText(micros: number): string {
  return new Date(Math.floor(micros / 1000)).toISOString();
}

/** As a statement's parameter: all six digits. */
export function timestampParameter(micros: number): string {
  const milliseconds = Math.floor(micros / 1000);
  const rest = String(micros - milliseconds * 1000).padStart(3, '0');
  return new Date(milliseconds).toISOString().replace('Z', `${rest}Z`);
}

export const DAY_MICROS = DAY_SECONDS * 1_000_000;

/** Number of the UTC day, counted from 1970. */
export function dayOf(micros: number): number {
  return Math.floor(micros / DAY_MICROS);
}

/** `2026-11-05` of a day's number. */
export function dayText(day: number): string {
  return new Date(day * 86_400_000).toISOString().slice(0, 10);
}
