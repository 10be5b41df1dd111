import { limits, type RejectionCode, type Value } from '@valtronics/contract';
import { refusedItem } from '../../security/gate/inspected-items.ts';
import { parseTimestamp } from './timestamp.ts';

/** A point whose shape is right; what it refers to is not looked up yet. */
export interface NormalPoint {
  readonly ok: true;
  readonly deviceId: string | undefined;
  readonly metric: string;
  readonly value: Value;
  readonly unit: string | undefined;
  /** NaN: none was sent. */
  readonly atMicros: number;
  readonly id: string | undefined;
}

export interface RefusedPoint {
  readonly ok: false;
  readonly code: RejectionCode;
  readonly detail: string;
}

/** Stands where a point was whose text holds personal data that is not taken. */
export const personalPoint = Symbol('a point with personal data');

const METRIC = /^[A-Za-z0-9_.-]{1,64}$/;
export const isMetric = (text: string): boolean => METRIC.test(text);
const DEVICE_ID =
  /^(?:[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[1-8][0-9a-fA-F]{3}-[89abAB][0-9a-fA-F]{3}-[0-9a-fA-F]{12}|00000000-0000-0000-0000-000000000000|ffffffff-ffff-ffff-ffff-ffffffffffff)$/;
const MAX_DETAIL_KEY = 40;

/**
 * The contract's `point`, written by hand because a flush checks some 100,000 a second; a property test holds the two together. In
 * three things it asks more than the schema can say, all about texts PostgreSQL could not give back as they came: a length in bytes,
 * no NUL, no half of a surrogate pair. They are refused, since altering what a device said is worse.
 */
export function readPoint(input: unknown): NormalPoint | RefusedPoint {
  if (input === refusedItem) return LOOKS_LIKE_AN_ATTACK;
  if (input === personalPoint) return HOLDS_PERSONAL_DATA;
  if (typeof input !== 'object' || input === null || Array.isArray(input)) return invalid('a point is an object');
  const fields = input as Record<string, unknown>;
  for (const key in fields) {
    switch (key) {
      case 'metric':
      case 'value':
      case 'timestamp':
      case 'deviceId':
      case 'unit':
      case 'id':
        break;
      default:
        // Covers __proto__ and constructor too: JSON.parse makes them own properties, and no field of ours is called that.
        return invalid(`${key.slice(0, MAX_DETAIL_KEY)}: unknown field`);
    }
  }
  const { metric, value, timestamp, deviceId, unit, id } = fields;
  if (typeof metric !== 'string' || !isMetric(metric)) return invalid('metric: 1–64 of A–Z a–z 0–9 _ . -');
  if (typeof value === 'number') {
    if (!Number.isFinite(value)) return invalid('value: not a finite number');
  } else if (typeof value === 'string') {
    if (!isStorable(value, limits.stringBytes, limits.stringBytes)) {
      return invalid(`value: a text is at most ${limits.stringBytes} bytes of well-formed Unicode without NUL`);
    }
  } else if (typeof value !== 'boolean') {
    return invalid('value: a finite number, a boolean or a text');
  }
  let atMicros = Number.NaN;
  if (timestamp !== undefined) {
    if (typeof timestamp === 'string') atMicros = parseTimestamp(timestamp);
    else if (typeof timestamp === 'number' && Number.isSafeInteger(timestamp) && timestamp >= 0) {
      atMicros = timestamp * 1000;
    }
    if (Number.isNaN(atMicros)) return invalid('timestamp: RFC 3339 with an offset, or milliseconds since 1970');
  }
  if (deviceId !== undefined && (typeof deviceId !== 'string' || !DEVICE_ID.test(deviceId))) {
    return invalid('deviceId: a UUID');
  }
  if (unit !== undefined && (typeof unit !== 'string' || !isStorable(unit, limits.unitLength))) {
    return invalid(`unit: at most ${limits.unitLength} characters`);
  }
  if (id !== undefined && (typeof id !== 'string' || id === '' || !isStorable(id, limits.pointIdLength))) {
    return invalid(`id: 1–${limits.pointIdLength} characters`);
  }
  return { ok: true, deviceId, metric, value, unit, atMicros, id };
}

function isStorable(text: string, maxCharacters: number, maxBytes = maxCharacters * 4): boolean {
  // A character is one or two units, a unit at most three bytes: the counting is for long texts only.
  if (text.length > maxCharacters * 2) return false;
  if (text.length > maxCharacters && [...text].length > maxCharacters) return false;
  if (text.length * 3 > maxBytes && Buffer.byteLength(text) > maxBytes) return false;
  return text.isWellFormed() && !text.includes('\0');
}

const LOOKS_LIKE_AN_ATTACK: RefusedPoint = {
  ok: false,
  code: 'request_blocked',
  detail: 'What stands in this point looks like an attack.',
};

const HOLDS_PERSONAL_DATA: RefusedPoint = {
  ok: false,
  code: 'personal_data',
  detail: 'value: looks like personal data, which this organisation does not take here',
};

function invalid(detail: string): RefusedPoint {
  return { ok: false, code: 'invalid_point', detail };
}

const HOUR_MICROS = 3_600_000_000;
const FUTURE_MICROS = limits.futureSkewHours * HOUR_MICROS;
const TOO_FAR_AHEAD: RefusedPoint = {
  ok: false,
  code: 'too_far_ahead',
  detail: `timestamp: more than ${limits.futureSkewHours} hours ahead of the server's clock`,
};

/** Why a device's own time cannot be taken, if so. */
export function refusedTime(atMicros: number, nowMicros: number, retentionDays: number): RefusedPoint | undefined {
  if (atMicros > nowMicros + FUTURE_MICROS) return TOO_FAR_AHEAD;
  if (atMicros < nowMicros - retentionDays * 24 * HOUR_MICROS) {
    return {
      ok: false,
      code: 'past_retention',
      detail: `timestamp: older than the ${retentionDays} days this organisation keeps`,
    };
  }
  return undefined;
}
