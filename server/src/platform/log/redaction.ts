import { isSecret, REDACTED } from '../config/secret.ts';

// What may be written to a log. Keys that name a secret lose their value at any depth, and known shapes of secrets are also cut out of free text,
// because an exception's message is written by a library that knows nothing of our rules. Everything is bounded, so that logging one hostile object
// cannot cost more than a few kilobytes.

const MAX_STRING_LENGTH = 4096;
const MAX_DEPTH = 8;
const MAX_ITEMS = 100;
/** Values visited in one log call; a wide and deep tree is cut off rather than walked. */
const MAX_VALUES = 2000;

const SENSITIVE_WORDS = new Set(
  [
    'password',
    'passwd',
    'pwd',
    'passphrase',
    'secret',
    'token',
    'authorization',
    'cookie',
    'credential',
    'bearer',
    'jwt',
    'jwk',
  ]
    .flatMap((word) => [word, `${word}s`])
    .concat('otp', 'totp', 'pin', 'seed', 'csrf'),
);
const SENSITIVE_KEYS = /^(private|api|root|signing|session|encryption|data|secret)?keys?$/;
const SENSITIVE_CODES = /^(recovery|backup|time|mfa|otp|totp|verification|login|invitation|auth|authorization)?codes?$/;
// `tokenId`, `passwordChangedAt`: words about a secret that do not hold it.
const HARMLESS_LAST_WORDS = new Set([
  'id',
  'ids',
  'at',
  'count',
  'type',
  'kind',
  'prefix',
  'minutes',
  'seconds',
  'required',
  'expired',
]);

/** `refreshToken`, `refresh_token` and `Refresh-Token` are the same two words. */
export const wordsOf = (key: string): string[] =>
  key
    .slice(0, 100)
    .replaceAll(/([a-z0-9])([A-Z])/g, '$1 $2')
    .toLowerCase()
    .split(/[^a-z0-9]+/)
    .filter((word) => word !== '');

/** What is left out beside secrets, which whoever makes a log knows. */
export interface LogRules {
  /** Whether what stands under this name is left out. */
  hides(key: string): boolean;
  /** A text without what must not be read in it. */
  text(text: string): string;
}
const secretsOnly: LogRules = { hides: () => false, text: (text) => text };

export function namesSecret(key: string): boolean {
  const words = wordsOf(key);
  const last = words.at(-1);
  if (last === undefined || (words.length > 1 && HARMLESS_LAST_WORDS.has(last))) return false;
  const joined = words.slice(-2).join('');
  return words.some((word) => SENSITIVE_WORDS.has(word)) || isKeyName(words, joined) || SENSITIVE_CODES.test(joined);
}

function isKeyName(words: readonly string[], joined: string): boolean {
  // A lone `key` is usually a map's or a limiter's key and says what happened.
  return words.length > 1 ? SENSITIVE_KEYS.test(joined) : /^(private|api|root|signing)keys?$/.test(joined);
}

const SECRET_SHAPES: readonly (readonly [RegExp, string])[] = [
  [/\bvt[a-z]_[\w-]{16,}/g, REDACTED],
  [/\bvaltronics-root-key-\d+:[\w-]*/g, REDACTED],
  // Tokens of Vault and OpenBao: of services, batches and recovery, as they are since 2022 and as they were.
  [/\bhv[sbr]\.[\w-]{8,}/g, REDACTED],
  [/(?<![\w.-])[sbr]\.[\w-]{24,}/g, REDACTED],
  [/\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*/g, REDACTED],
  [/\b(bearer|basic) +[\w+/=.~-]{8,}/gi, `$1 ${REDACTED}`],
  [/(:\/\/[^\s:/@]*):[^\s/@]+@/g, `$1:${REDACTED}@`],
  [/-----BEGIN [A-Z ]*PRIVATE KEY-----[^-]*/g, REDACTED],
];

/** A string as it may be logged: without known shapes of secrets, at most 4,096 characters. */
export function loggableText(text: string, rules = secretsOnly): string {
  // Cut first, with room, so the patterns run over a bounded text; cut again after they replaced things.
  let result = text.slice(0, MAX_STRING_LENGTH * 2);
  for (const [shape, replacement] of SECRET_SHAPES) result = result.replaceAll(shape, replacement);
  result = rules.text(result);
  const isWhole = text.length <= MAX_STRING_LENGTH * 2 && result.length <= MAX_STRING_LENGTH;
  return isWhole ? result : `${result.slice(0, MAX_STRING_LENGTH - 1)}…`;
}

/** A copy of the value that may be logged: plain, bounded, redacted, without cycles. */
export function loggable(value: unknown, rules = secretsOnly): unknown {
  return walk(value, { ancestors: new Set(), left: MAX_VALUES, rules });
}

interface Walk {
  readonly ancestors: Set<object>;
  left: number;
  readonly rules: LogRules;
}

function walk(value: unknown, state: Walk): unknown {
  state.left -= 1;
  if (state.left < 0) return '[cut]';
  switch (typeof value) {
    case 'string':
      return loggableText(value, state.rules);
    case 'number':
      return Number.isFinite(value) ? value : String(value);
    case 'bigint':
      return String(value).slice(0, 100);
    case 'symbol':
    case 'function':
      return `[${typeof value}]`;
    case 'object':
      return value === null ? null : walkObject(value, state);
    default:
      return value;
  }
}

function walkObject(value: object, state: Walk): unknown {
  if (isSecret(value)) return REDACTED;
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? 'invalid date' : value.toISOString();
  if (value instanceof URL) return loggableText(value.href, state.rules);
  if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`;
  if (state.ancestors.has(value)) return '[circular]';
  if (state.ancestors.size >= MAX_DEPTH) return '[deep]';
  state.ancestors.add(value);
  try {
    if (Array.isArray(value)) return walkArray(value, state);
    if (value instanceof Error) return walkError(value, state);
    if (value instanceof Map)
      return walkMembers(
        [...value].slice(0, MAX_ITEMS + 1).map(([key, item]) => [String(key), item]),
        state,
      );
    if (value instanceof Set) return walkArray([...value].slice(0, MAX_ITEMS + 1), state);
    const prototype = Object.getPrototypeOf(value);
    if (prototype === Object.prototype || prototype === null) return walkMembers(Object.entries(value), state);
    // Sockets, requests, clients: an object with behaviour is named, not emptied into the log.
    return `[${String(prototype.constructor?.name ?? 'object').slice(0, 60)}]`;
  } catch {
    return '[unreadable]'; // a throwing getter or proxy
  } finally {
    state.ancestors.delete(value);
  }
}

function walkArray(items: readonly unknown[], state: Walk): unknown[] {
  const result = items.slice(0, MAX_ITEMS).map((item) => walk(item, state));
  if (items.length > MAX_ITEMS) result.push('[more]');
  return result;
}

const ERROR_FIELDS = new Set(['name', 'message', 'stack', 'cause', 'code', 'errors']);
// PostgreSQL repeats the offending row in these.
const DATABASE_ERROR_FIELDS = new Set(['detail', 'where', 'internalQuery']);

function walkError(error: Error, state: Walk): unknown {
  const isDatabaseError = 'severity' in error;
  const own = Object.entries(error).filter(
    ([key]) => !ERROR_FIELDS.has(key) && !(isDatabaseError && DATABASE_ERROR_FIELDS.has(key)),
  );
  const result = walkMembers(
    [
      ['name', error.name],
      ['message', error.message],
      ['stack', error.stack],
      ...own,
      ['cause', error.cause],
      ['errors', error instanceof AggregateError ? error.errors : undefined],
    ],
    state,
  );
  // `code` names a secret elsewhere, yet on an Error it is the one fact one needs: keep what looks like a system's code or SQLSTATE.
  if ('code' in error && typeof error.code === 'string' && /^([A-Z][A-Z0-9_]{2,40}|[0-9A-Z]{5})$/.test(error.code)) {
    result.code = error.code;
  }
  return result;
}

function walkMembers(members: readonly (readonly [string, unknown])[], state: Walk): Record<string, unknown> {
  // Without a prototype, so that a key like `__proto__` is only a key.
  const result: Record<string, unknown> = Object.create(null);
  for (const [key, member] of members.slice(0, MAX_ITEMS)) {
    if (member === undefined) continue;
    result[loggableKey(key)] = namesSecret(key) || state.rules.hides(key) ? REDACTED : walk(member, state);
  }
  if (members.length > MAX_ITEMS) result['...'] = members.length - MAX_ITEMS;
  return result;
}

function loggableKey(key: string): string {
  // Keys come from outside too (a parsed body); only harmless characters reach the line.
  return key.slice(0, 64).replaceAll(/[^\w.@/ -]/g, '?');
}
