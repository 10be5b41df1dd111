import { likenessesOf } from './password-spellings.ts';

/** Below this a piece says nothing: nearly every text splits into shorter ones. */
const SHORTEST_PIECE = 4;
/** Digits before or after a password that count as decoration: a year at most. */
const MOST_DIGITS = 4;

export interface CommonPasswords {
  /** Whether the password is on the list, itself or under decoration: other case, digits around it, letters drawn as digits. */
  has(password: string): boolean;
  /** Whether it is nothing but two passwords of the list in a row, likewise decorated. */
  isPair(password: string): boolean;
}

let loaded: Promise<CommonPasswords> | undefined;

/**
 * The 49,000 most common passwords of public breaches, most common first in the package. 18,000 of them are long enough to be chosen at all.
 * They are read when the first password is chosen, once, and take about 5 MB: a server that only verifies passwords never has them.
 */
export function commonPasswords(): Promise<CommonPasswords> {
  loaded ??= load().catch((error: unknown) => {
    loaded = undefined;
    throw error;
  });
  return loaded;
}

async function load(): Promise<CommonPasswords> {
  const { dictionary } = await import('@zxcvbn-ts/language-common');
  const listed = new Set<string>();
  for (const entry of dictionary['passwords-common']) {
    listed.add(entry.normalize('NFKC').toLowerCase());
    for (const likeness of likenessesOf(entry)) listed.add(likeness);
  }
  listed.delete('');

  function splits(text: string): boolean {
    for (let at = SHORTEST_PIECE; at <= text.length - SHORTEST_PIECE; at += 1) {
      if (listed.has(text.slice(0, at)) && listed.has(text.slice(at))) return true;
    }
    return false;
  }

  return {
    has: (password) =>
      listed.has(password.normalize('NFKC').toLowerCase()) ||
      likenessesOf(password).some((text) => cores(text).some((core) => listed.has(core))),
    isPair: (password) => likenessesOf(password).some((text) => cores(text).some(splits)),
  };
}

/** The text, and what is left of it without some digits before and after, while that is the greater part. */
function cores(text: string): readonly string[] {
  const before = /^\d*/.exec(text)?.[0].length ?? 0;
  const after = /\d*$/.exec(text)?.[0].length ?? 0;
  const found: string[] = [];
  for (let from = 0; from <= Math.min(before, MOST_DIGITS); from += 1) {
    for (let off = 0; off <= Math.min(after, MOST_DIGITS); off += 1) {
      const inner = text.slice(from, text.length - off);
      if (inner.length * 2 >= text.length) found.push(inner);
    }
  }
  return found;
}
