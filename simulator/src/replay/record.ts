import { limits, type Value } from '@valtronics/contract';

/** One line of a recording, understood. */
export interface RecordedPoint {
  readonly line: number;
  readonly timestamp: number;
  /** Absent when the file has no such column. */
  readonly metric?: string | undefined;
  readonly device?: string | undefined;
  readonly value: Value;
}

export interface BadLine {
  readonly line: number;
  readonly reason: string;
}

/** Which column holds what; −1: none. */
export interface Columns {
  readonly timestamp: number;
  readonly value: number;
  readonly metric: number;
  readonly device: number;
}

const names: Readonly<Record<string, keyof Columns>> = {
  timestamp: 'timestamp',
  time: 'timestamp',
  ts: 'timestamp',
  datetime: 'timestamp',
  value: 'value',
  metric: 'metric',
  device: 'device',
  device_id: 'device',
  deviceid: 'device',
};

/** `timestamp,value`, `timestamp,metric,value` or `timestamp,metric,value,device`. */
export function columnsByCount(count: number): Columns | null {
  if (count === 2) return { timestamp: 0, value: 1, metric: -1, device: -1 };
  if (count === 3) return { timestamp: 0, metric: 1, value: 2, device: -1 };
  return count === 4 ? { timestamp: 0, metric: 1, value: 2, device: 3 } : null;
}

/** Columns by the names of a header row, in any order; other columns are left alone. `null`: the names are not ours. */
export function columnsByHeader(fields: readonly string[]): Columns | null {
  const columns = { timestamp: -1, value: -1, metric: -1, device: -1 };
  for (const [index, field] of fields.entries()) {
    const name = names[field.trim().toLowerCase()];
    if (name && columns[name] === -1) columns[name] = index;
  }
  return columns.timestamp >= 0 && columns.value >= 0 ? columns : null;
}

const RFC3339 = /^(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:\.\d{1,9})?(?:[Zz]|[+-]\d\d:\d\d)$/;
const EPOCH = /^\d{1,16}(?:\.\d{1,9})?$/;
/** Seconds up to the year 5138 lie below it, milliseconds since 1973 above. */
const MILLISECONDS_FROM = 100_000_000_000;
const LATEST_MS = 253_402_300_799_999;

/** Milliseconds since 1970 of an RFC 3339 time with an offset, or of seconds or milliseconds since 1970. */
export function readTimestamp(text: string): number | null {
  const trimmed = text.trim();
  if (EPOCH.test(trimmed)) {
    const epoch = Number(trimmed);
    const ms = Math.round(epoch < MILLISECONDS_FROM ? epoch * 1000 : epoch);
    return ms <= LATEST_MS ? ms : null;
  }
  const parts = RFC3339.exec(trimmed);
  if (!parts) return null;
  const [, year, month, day] = parts.map(Number);
  // Date.parse lets 31 February pass as a day in March.
  const daysInMonth = new Date(Date.UTC(year ?? 0, month ?? 0, 0)).getUTCDate();
  if ((day ?? 0) > daysInMonth) return null;
  const ms = Date.parse(trimmed.replace(' ', 'T'));
  return Number.isFinite(ms) && ms >= 0 ? ms : null;
}

const NUMBER = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,3})?$/;
const NOTHING = /^(?:|nan|null|none|n\/a|-?inf(?:inity)?)$/i;

/** A finite number, true or false, or a short text; `null` when there is no value. */
export function readValue(text: string): Value | null {
  const trimmed = text.trim();
  if (NUMBER.test(trimmed)) {
    const value = Number(trimmed);
    return Number.isFinite(value) ? value : null;
  }
  if (/^true$/i.test(trimmed)) return true;
  if (/^false$/i.test(trimmed)) return false;
  return NOTHING.test(trimmed) || Buffer.byteLength(trimmed) > limits.stringBytes ? null : trimmed;
}

const METRIC = /^[A-Za-z0-9_.-]{1,64}$/;

/** Reads one line's fields, or says what is wrong with them. */
export function readRecord(line: number, fields: readonly string[], columns: Columns): RecordedPoint | BadLine {
  const at = (index: number): string | undefined => (index < 0 ? undefined : fields[index]?.trim());
  const timestampText = at(columns.timestamp);
  const valueText = at(columns.value);
  if (timestampText === undefined || valueText === undefined) return { line, reason: 'a column is missing' };
  const timestamp = readTimestamp(timestampText);
  if (timestamp === null)
    return {
      line,
      reason: `not a time: ${excerpt(timestampText)} (RFC 3339 with an offset, or seconds or milliseconds since 1970)`,
    };
  const value = readValue(valueText);
  if (value === null) return { line, reason: `not a value: ${excerpt(valueText)}` };
  const metric = at(columns.metric);
  if (columns.metric >= 0 && !METRIC.test(metric ?? ''))
    return { line, reason: `not a metric name: ${excerpt(metric ?? '')}` };
  const device = at(columns.device);
  return { line, timestamp, value, metric, device: device === '' ? undefined : device };
}

/** Control characters of a file do not reach a terminal. */
const excerpt = (text: string): string => JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}…` : text);
