import { randomBytes, timingSafeEqual } from 'node:crypto';
import { join } from 'node:path';
import type { Secret } from '../../platform/config/secret.ts';
import { makeDataFolder } from '../../platform/db/data-folder.ts';
import { deriveKey } from './derive-key.ts';
import { createFileOnce, readPrivateFile } from './private-file.ts';

// Everything the platform seals hangs on one 256-bit random key. It lives in a file only its owner can read, is made once, and is never replaced
// silently: a new key beside old data would not fail, it would make the old data unreadable for ever while looking healthy. Beside the data
// therefore lies a check value, derived one way from the key, that says which key this folder belongs to.

/** The root key. Its bytes stay inside: whoever holds it can derive keys for a purpose, not read it. */
export interface RootKey {
  deriveKey(purpose: string): Buffer;
}

export type RootKeyProblem = 'missing' | 'unsafe' | 'unreadable' | 'malformed' | 'mismatch';

/** One line that names the file and the remedy, fit to end the start of the server. */
export class RootKeyError extends Error {
  override readonly name = 'RootKeyError';
  readonly problem: RootKeyProblem;

  constructor(problem: RootKeyProblem, message: string, options?: ErrorOptions) {
    super(message, options);
    this.problem = problem;
  }
}

const KEY_BYTES = 32;
const TEXT_PATTERN = /^valtronics-root-key-1:([A-Za-z0-9_-]{43})$/;

export interface RootKeySource {
  readonly dataDir: string;
  readonly rootKeyFile: string;
  /** The key's text when it comes from elsewhere than its file; then nothing is ever created. */
  readonly rootKey?: Secret | undefined;
  /** Where that text comes from, for the messages; VALTRONICS_ROOT_KEY_FILE unless told. */
  readonly origin?: string;
}

/** Reads the root key, or creates it on the very first start, and makes sure it is the one this data folder was sealed with. */
export function openRootKey(source: RootKeySource): RootKey {
  makeDataFolder(source.dataDir);
  const checkFile = join(source.dataDir, 'root.key.check');
  const expected = readCheckValue(checkFile);
  const { text, origin } = readKeyText(source, expected !== undefined);
  const key = parseRootKey(text);
  if (key === undefined) {
    throw new RootKeyError(
      'malformed',
      `${origin} does not hold a root key: restore it from your backup (it is one line that starts with valtronics-root-key-1:)`,
    );
  }
  const actual = checkValueOf(key);
  if (expected === undefined) {
    // Two first starts at once: whoever comes second must agree with whoever came first.
    const recorded = createFileOnce(checkFile, `${actual}\n`).trim();
    if (!sameText(recorded, actual)) throw mismatch(origin, source.dataDir);
  } else if (!sameText(expected, actual)) {
    throw mismatch(origin, source.dataDir);
  }
  return key;
}

/** A fresh key in the form its file holds. */
export function newRootKeyText(): string {
  return `valtronics-root-key-1:${randomBytes(KEY_BYTES).toString('base64url')}`;
}

export function parseRootKey(text: string): RootKey | undefined {
  const encoded = TEXT_PATTERN.exec(text)?.[1];
  if (encoded === undefined) return undefined;
  const bytes = Buffer.from(encoded, 'base64url');
  // One key has one spelling: a changed last character that decodes to the same bytes is a damaged file.
  if (bytes.toString('base64url') !== encoded) return undefined;
  return {
    deriveKey: (purpose) => deriveKey(bytes, Buffer.alloc(0), `valtronics/root/1/${purpose}`, KEY_BYTES),
  };
}

function readKeyText(source: RootKeySource, hasSealedData: boolean): { text: string; origin: string } {
  if (source.rootKey !== undefined) {
    return { text: source.rootKey.reveal(), origin: source.origin ?? 'VALTRONICS_ROOT_KEY_FILE' };
  }
  const file = source.rootKeyFile;
  const result = readPrivateFile(file);
  switch (result.outcome) {
    case 'read':
      return { text: result.text.trimEnd(), origin: file };
    case 'unsafe':
      throw new RootKeyError(
        'unsafe',
        `${file} can be read by others (mode ${result.mode}): run chmod 600 on it, and rotate the key if someone may have seen it`,
      );
    case 'unreadable':
      throw new RootKeyError(
        'unreadable',
        `${file} cannot be read (${result.reason}): give the user that runs the server access to it`,
      );
    case 'absent':
      if (hasSealedData) {
        throw new RootKeyError(
          'missing',
          `${file} is missing, but ${source.dataDir} holds data sealed with it: restore the file from your backup (a new key could not read the data)`,
        );
      }
      return { text: createKeyFile(file), origin: file };
  }
}

function createKeyFile(file: string): string {
  try {
    return createFileOnce(file, `${newRootKeyText()}\n`).trimEnd();
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new RootKeyError(
      'unreadable',
      `${file} cannot be created (${reason}): make its folder writable for the user that runs the server`,
      { cause: error },
    );
  }
}

function readCheckValue(file: string): string | undefined {
  const result = readPrivateFile(file);
  if (result.outcome === 'absent') return undefined;
  if (result.outcome === 'read') return result.text.trimEnd();
  throw new RootKeyError(
    'unreadable',
    `${file} cannot be read safely: it must be a file with mode 600 of the user that runs the server`,
  );
}

function checkValueOf(key: RootKey): string {
  return `valtronics-root-key-check-1:${key.deriveKey('check-value').toString('base64url')}`;
}

function mismatch(origin: string, dataDir: string): RootKeyError {
  return new RootKeyError(
    'mismatch',
    `${origin} is not the key that ${dataDir} was sealed with: restore the right key, or name the right data folder`,
  );
}

function sameText(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a), Buffer.from(b)];
  return left.length === right.length && timingSafeEqual(left, right);
}
