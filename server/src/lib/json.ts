import { isUtf8 } from 'node:buffer';
import { Problem } from './problem.ts';

/** Keys that reach an object's prototype when a merge meets them; refused everywhere, by their path. */
const POLLUTING = new Set(['__proto__', 'constructor', 'prototype']);
const MAX_DEPTH = 64;

/** A body as JSON, or a problem that says why not. Invalid UTF-8 is refused instead of being repaired silently. */
export function parseJson(body: Buffer): unknown {
  if (!isUtf8(body)) throw new Problem('malformed_json', { detail: 'The body is not UTF-8.' });
  return parseJsonText(body.toString('utf8'));
}

export function parseJsonText(text: string): unknown {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new Problem('malformed_json', { cause: error });
  }
  // Parsing is linear; the walk is only needed when one of the words, or an escape that could hide one, is there at all.
  if (/__proto__|constructor|prototype|\\u/i.test(text)) refusePollution(value, '', 0);
  return value;
}

function refusePollution(value: unknown, path: string, depth: number): void {
  if (typeof value !== 'object' || value === null) return;
  if (depth > MAX_DEPTH) throw new Problem('invalid_request', { errors: [{ path, message: 'nested too deeply' }] });
  for (const key of Object.keys(value)) {
    const here = Array.isArray(value) ? `${path}[${key}]` : path === '' ? key : `${path}.${key}`;
    if (!Array.isArray(value) && POLLUTING.has(key)) {
      throw new Problem('invalid_request', { errors: [{ path: here, message: 'this key is not allowed' }] });
    }
    refusePollution((value as Record<string, unknown>)[key], here, depth + 1);
  }
}
