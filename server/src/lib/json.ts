import { isUtf8 } from 'node:buffer';
import { Problem } from './problem.ts';

/** Keys that reach an object's prototype when a merge meets them; refused everywhere, by their path. */
const POLLUTING = new Set(['__proto__', 'constructor', 'prototype']);
const MAX_DEPTH = 64;
const MAX_PATH = 200;

export interface JsonOptions {
  /** A list at the top whose items their reader checks one by one against a closed set of fields, and lists the bad ones itself. */
  readonly itemsCheckedIn?: string | undefined;
}

/** A body as JSON, or a problem that says why not. Invalid UTF-8 is refused instead of being repaired silently. */
export function parseJson(body: Buffer, options: JsonOptions = {}): unknown {
  if (!isUtf8(body)) throw new Problem('malformed_json', { detail: 'The body is not UTF-8.' });
  return parseJsonText(body.toString('utf8'), options);
}

export function parseJsonText(text: string, { itemsCheckedIn }: JsonOptions = {}): unknown {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new Problem('malformed_json', { cause: error });
  }
  // The walk is only needed when one of the words, or an escape that could hide one, is there at all.
  if (/__proto__|constructor|prototype|\\u/.test(text)) {
    const list = itemsCheckedIn === undefined ? undefined : (value as Record<string, unknown> | null)?.[itemsCheckedIn];
    refuseHarm(value, '', 0, Array.isArray(list) ? list : undefined);
  }
  return value;
}

const refused = (path: string, message: string) =>
  new Problem('invalid_request', { errors: [{ path: path.slice(0, MAX_PATH), message }] });

function refuseHarm(value: unknown, path: string, depth: number, except: unknown): void {
  // Half of a surrogate pair and U+0000 can be written in JSON only, as escapes; storing them would alter them or fail.
  if (typeof value === 'string' && (!value.isWellFormed() || value.includes('\0')))
    throw refused(path, 'a text is well-formed Unicode without U+0000');
  if (typeof value !== 'object' || value === null || value === except) return;
  if (depth > MAX_DEPTH) throw refused(path, 'nested too deeply');
  for (const key of Object.keys(value)) {
    const here = Array.isArray(value) ? `${path}[${key}]` : path === '' ? key : `${path}.${key}`;
    if (!Array.isArray(value) && POLLUTING.has(key)) throw refused(here, 'this key is not allowed');
    if (!key.isWellFormed() || key.includes('\0')) throw refused(path, 'a key is well-formed Unicode without U+0000');
    refuseHarm((value as Record<string, unknown>)[key], here, depth + 1, except);
  }
}
