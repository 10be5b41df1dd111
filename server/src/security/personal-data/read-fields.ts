import { findPersonalData, hidePersonalData, type TextPlace } from './find-personal-data.ts';
import type { FoundField } from './personal-data.types.ts';

/** Names of fields in which machines are named, not people's prose. */
const NAMES = new Set(['name', 'title', 'label', 'namePrefix']);
/** Of one message; what is beyond is neither told nor let by: the caller refuses or hides as the policy says. */
const MAX_FIELDS = 20;

export interface ReadFields {
  readonly found: readonly FoundField[];
  /** The message with what was found hidden; the same object where nothing was. */
  readonly hidden: unknown;
}

/**
 * Reads the declared fields of a message: `description`, `rule.name`, and `metadata.*`, every member of an object that people name
 * themselves.
 */
export function readFields(message: unknown, fields: readonly string[]): ReadFields {
  const found = new Map<string, FoundField>();
  let hidden = message;
  for (const field of fields) hidden = readField(hidden, field.split('.'), '', {}, found);
  return { found: [...found.values()].slice(0, MAX_FIELDS), hidden };
}

function readField(
  value: unknown,
  [name, ...rest]: readonly string[],
  path: string,
  place: TextPlace,
  found: Map<string, FoundField>,
): unknown {
  if (name === undefined) return readText(value, path, place, found);
  if (typeof value !== 'object' || value === null) return value;
  const names = name === '*' ? Object.keys(value) : [name];
  let changed: Record<string, unknown> | undefined;
  for (const each of names) {
    if (!Object.hasOwn(value, each)) continue;
    const before = (value as Record<string, unknown>)[each];
    const inside = name === '*' ? { key: each } : { machine: NAMES.has(each) };
    const after = readField(before, rest, path === '' ? each : `${path}.${each}`, inside, found);
    if (after === before) continue;
    changed ??= { ...value };
    changed[each] = after;
  }
  return changed ?? value;
}

function readText(value: unknown, path: string, place: TextPlace, found: Map<string, FoundField>): unknown {
  // A number is somebody's by the name of its field alone.
  const isNamedNumber = typeof value === 'number' && place.key !== undefined;
  if (typeof value !== 'string' && !isNamedNumber) return value;
  const text = String(value);
  const all = findPersonalData(text, place);
  if (all.length === 0) return value;
  found.set(path, { path, kinds: [...new Set(all.map(({ kind }) => kind))] });
  return hidePersonalData(text, all);
}
