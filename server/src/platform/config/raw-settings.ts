import { closeSync, fstatSync, openSync, readFileSync } from 'node:fs';
import { ConfigError } from './config-error.ts';

// What the environment says, before it means anything.

export type Environment = Readonly<Record<string, string | undefined>>;

export interface RawSetting {
  readonly text: string;
  readonly fromFile: boolean;
}

const OUR_PREFIX = 'VALTRONICS_';
const FILE_SUFFIX = '_FILE';
const MAX_FILE_BYTES = 64 * 1024;
const MAX_VALUE_LENGTH = 64 * 1024;

/** The raw text of one setting, from `NAME` or from the file that `NAME_FILE` points at. */
export function readRawSetting(env: Environment, name: string): RawSetting | undefined {
  const direct = env[name];
  const file = env[name + FILE_SUFFIX];
  if (direct !== undefined && file !== undefined) {
    throw new ConfigError(name, `and ${name}${FILE_SUFFIX} are both set`, 'keep one of them');
  }
  if (file !== undefined)
    return { text: checkText(name + FILE_SUFFIX, readBounded(name + FILE_SUFFIX, file)), fromFile: true };
  return direct === undefined ? undefined : { text: checkText(name, direct), fromFile: false };
}

function readBounded(name: string, file: string): string {
  let descriptor: number | undefined;
  try {
    descriptor = openSync(file, 'r');
    const status = fstatSync(descriptor);
    if (!status.isFile()) throw new ConfigError(name, 'does not point at a regular file', 'give the path of a file');
    if (status.size > MAX_FILE_BYTES)
      throw new ConfigError(name, 'points at a file over 64 KiB', 'give a file that holds only the value');
    return readFileSync(descriptor, 'utf8').replace(/\r?\n$/, '');
  } catch (error) {
    if (error instanceof ConfigError) throw error;
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
    throw new ConfigError(
      name,
      `points at ${JSON.stringify(file.slice(0, 200))}, which cannot be read (${code})`,
      'check the path and its permissions',
    );
  } finally {
    if (descriptor !== undefined) closeSync(descriptor);
  }
}

function checkText(name: string, text: string): string {
  if (text.length > MAX_VALUE_LENGTH) throw new ConfigError(name, 'is too long', 'give at most 64 KiB');
  if (/\p{Cc}/u.test(text)) throw new ConfigError(name, 'holds a control character', 'give one line of plain text');
  return text;
}

/** Refuses names that look like ours but are not, since a mistyped protection would otherwise be silently off. */
export function refuseUnknownNames(env: Environment, known: readonly string[]): void {
  const names = new Set(known.flatMap((name) => [name, name + FILE_SUFFIX]));
  for (const name of Object.keys(env)) {
    if (!name.startsWith(OUR_PREFIX) || names.has(name) || env[name] === undefined) continue;
    const nearest = nearestName(name, known);
    const remedy = nearest === undefined ? '--help lists the settings' : `did you mean ${nearest}?`;
    throw new ConfigError(name.slice(0, 100), 'is not a setting', remedy);
  }
}

function nearestName(name: string, known: readonly string[]): string | undefined {
  if (name.length > 100) return undefined;
  const ranked = known
    .map((candidate) => ({ candidate, distance: editDistance(name, candidate) }))
    .sort((a, b) => a.distance - b.distance);
  const best = ranked[0];
  return best !== undefined && best.distance <= 5 ? best.candidate : undefined;
}

function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const substitution = (previous[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      row.push(Math.min(substitution, (previous[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1));
    }
    previous = row;
  }
  return previous[b.length] ?? 0;
}
