import { SHORTEST_BLOB, unescaped, unpack, withoutLineComments } from './decoding.ts';
import {
  allowFor,
  beginnings,
  compilePattern,
  matches,
  mayFollow,
  membersOf,
  type Pattern,
  wordsOf,
  work,
} from './pattern.ts';
import { type AttackClass, BLOCK_AT, type Signature } from './signature.ts';
import { groups, signatures } from './signatures/index.ts';
import { noticed, tokenize, tokens } from './tokenizer.ts';
import { createVocabulary } from './vocabulary.ts';

/** Where in a request a text stands, as far as it matters to a signature. */
export type Place = 'value' | 'key' | 'path' | 'user-agent';

export interface Finding {
  readonly signature: Signature;
  /** A few characters around it, of the text as it was decoded. */
  readonly excerpt: string;
}

/** What is found in one text. */
export interface Inspected {
  /** Of the class with the highest sum. */
  readonly score: number;
  readonly class: AttackClass | null;
  readonly findings: readonly Finding[];
}

const MAX_DEPTH = 3;
const MAX_FINDINGS = 12;
const EXCERPT_BEFORE = 8;
const EXCERPT_AFTER = 32;
/** From here on a text may be decoded less often, since nothing ordinary is both this long and encoded. */
const LONG = 65_536;
/**
 * Characters that are read again after something was undone in them, of all texts of a request together. Nothing ordinary comes near, and
 * without this a megabyte of texts with one escape each would be read four times over.
 */
const MOST_READ_AGAIN = 262_144;
const NOTHING: Inspected = { score: 0, class: null, findings: [] };

const vocabulary = createVocabulary(
  wordsOf(
    signatures.flatMap(({ patterns }) => patterns),
    groups,
  ),
  membersOf('@bool @verb @event @jsfn union order group limit procedure into between in is not case when then', groups),
);
interface Compiled {
  readonly signature: number;
  readonly pattern: Pattern;
}
/** By the token that it begins with: what has to be tried where that token stands. */
const triggered: Compiled[][] = Array.from({ length: vocabulary.size }, () => []);
const NO_PATTERNS: readonly Compiled[] = [];
for (const [index, signature] of signatures.entries()) {
  for (const text of signature.patterns) {
    const pattern = compilePattern(text, groups, vocabulary);
    for (const id of beginnings(pattern)) triggered[id]?.push({ signature: index, pattern });
  }
}
/**
 * The same by the token after it as well, where there are many to try: a quote or a bracket begins dozens of patterns, of which the next
 * token leaves a few.
 */
const MANY = 4;
const triggeredBy: (readonly (readonly Compiled[])[] | undefined)[] = triggered.map((list) =>
  list.length < MANY
    ? undefined
    : Array.from({ length: vocabulary.size }, (_, next) => {
        const left = list.filter(({ pattern }) => mayFollow(pattern, next));
        return left.length === 0 ? NO_PATTERNS : left;
      }),
);
export const compiledPatterns = (): Pattern[] => triggered.flat().map(({ pattern }) => pattern);

const evasion = (id: string, score: number): Signature => ({
  id: `evasion.${id}`,
  class: 'evasion',
  reference: 'CWE-838',
  score,
  patterns: [],
});
/** Still encoded after as many layers as anybody needs. */
const TOO_DEEP = evasion('encoded_too_often', 5);
/** It unpacks to more than it is, or is made of nothing but beginnings. What cannot be looked at in time is not let by. */
const TOO_MUCH = evasion('costs_too_much', 5);

const isPlain = new Uint8Array(128);
for (const code of Buffer.from('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-.')) isPlain[code] = 1;
const SHORT = 16;

/**
 * Letters, digits and `_ - .` only, and too few of them to be anything in base64: of that no signature but that of a single word can be
 * made, and those stand in no value on their own.
 */
function isHarmless(text: string): boolean {
  if (text.length >= SHORT) return false;
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code >= 128 || isPlain[code] !== 1) return false;
  }
  return true;
}

/** Reads one text as it is and as it is decoded, up to three times, in time that grows with its length and nothing else. After `beginWork`. */
export function inspectText(text: string, place: Place = 'value'): Inspected {
  if (place === 'value' && isHarmless(text)) return NOTHING;
  const found = new Map<number, string>();
  allowFor(text.length);
  // Of a long one first: where it is too much, it is not read even once.
  const plainOfText = text.length > LONG ? unescaped(text) : undefined;
  if (isMostlyEscapes(text, plainOfText) || work.again + (plainOfText?.length ?? 0) > MOST_READ_AGAIN)
    return summed(found, [{ signature: TOO_MUCH, excerpt: '' }]);
  scan(text, place, found);
  if (found.size === 0 && !mayBeDecoded(text) && work.steps <= work.limit) return NOTHING;
  const own: Finding[] = [];
  let budget = Math.min(4 * text.length, 2 * text.length + LONG) + LONG;
  const layers: Layer[] = [{ text, depth: 0 }];
  const known = new Set([text]);
  const add = (layer: string | undefined, depth: number): void => {
    if (layer === undefined || known.has(layer)) return;
    known.add(layer);
    layers.push({ text: layer, depth });
  };
  // The least decoded first, so that what several ways lead to is known by the shortest of them.
  for (let layer = layers.shift(); layer !== undefined; layer = layers.shift()) {
    budget -= layer.text.length;
    if (layer.depth > 0) work.again += layer.text.length;
    if (budget < 0 || work.again > MOST_READ_AGAIN) {
      own.push({ signature: TOO_MUCH, excerpt: '' });
      break;
    }
    if (layer.depth > 0) scan(layer.text, place, found);
    if (work.steps > work.limit) {
      own.push({ signature: TOO_MUCH, excerpt: '' });
      break;
    }
    if (hasEnough(found)) break;
    // As it was noticed in this layer; the next one notices anew.
    const { escapes, longestRun, lineComments, nul } = noticed;
    const next = layer.depth + 1;
    const plainText = (layer.depth === 0 ? plainOfText : undefined) ?? (escapes ? unescaped(layer.text) : undefined);
    if (isMostlyEscapes(layer.text, plainText)) {
      own.push({ signature: TOO_MUCH, excerpt: '' });
      break;
    }
    const unpacked = unpack(layer.text, longestRun);
    if (next > MAX_DEPTH) {
      if (isStillEncoded(plainText, place, found) || (unpacked !== undefined && !known.has(unpacked)))
        own.push({ signature: TOO_DEEP, excerpt: '' });
      continue;
    }
    add(plainText, next);
    add(unpacked, next);
    if (nul) add(layer.text.replaceAll('\0', ''), next);
    if (lineComments) add(withoutLineComments(layer.text), next);
  }
  return found.size === 0 && own.length === 0 ? NOTHING : summed(found, own);
}

/** Long, and more escapes than text: what that says is not worth what it costs to read it over and over. */
const isMostlyEscapes = (text: string, plainText: string | undefined): boolean =>
  plainText !== undefined && text.length > LONG && plainText.length * 2 < text.length;

interface Layer {
  readonly text: string;
  readonly depth: number;
}

/**
 * Whether what is left at the last layer is more than the odd sign that looks like an escape. Four times encoded, it is looked at once more
 * (100 %%% and an ampersand or two come as far as here); still encoded after that, nothing ordinary is.
 */
function isStillEncoded(plainText: string | undefined, place: Place, found: Map<number, string>): boolean {
  if (plainText === undefined) return false;
  scan(plainText, place, found);
  return unescaped(plainText) !== undefined;
}

/** Of the text that was scanned last. */
const mayBeDecoded = (text: string): boolean =>
  noticed.escapes ||
  noticed.nul ||
  noticed.longestRun >= SHORTEST_BLOB ||
  (noticed.lineComments && text.includes('\n'));

function scan(text: string, place: Place, found: Map<number, string>): void {
  tokenize(text, vocabulary, (from) => {
    for (let at = from; at < tokens.count; at += 1) {
      if (work.steps > work.limit) return true;
      const id = tokens.ids[at] ?? 0;
      const list = triggeredBy[id]?.[tokens.ids[at + 1] ?? 0] ?? triggered[id] ?? NO_PATTERNS;
      for (const { signature, pattern } of list) {
        if (found.has(signature) || !matches(pattern, at)) continue;
        const where = signatures[signature]?.in;
        if (where !== undefined && where !== place) continue;
        const start = tokens.starts[at] ?? 0;
        found.set(signature, text.slice(Math.max(0, start - EXCERPT_BEFORE), start + EXCERPT_AFTER));
      }
    }
    return hasEnough(found);
  });
}

/** More than enough to refuse it: the rest need not be looked at. */
function hasEnough(found: ReadonlyMap<number, string>): boolean {
  return found.size >= MAX_FINDINGS && summed(found, []).score >= BLOCK_AT;
}

function summed(found: ReadonlyMap<number, string>, own: readonly Finding[]): Inspected {
  const findings = [...own];
  for (const [index, excerpt] of found) {
    const signature = signatures[index];
    if (signature) findings.push({ signature, excerpt });
  }
  const sums = new Map<AttackClass, number>();
  for (const { signature } of findings) sums.set(signature.class, (sums.get(signature.class) ?? 0) + signature.score);
  let best: AttackClass | null = null;
  let score = 0;
  for (const [name, sum] of sums) {
    if (sum <= score) continue;
    score = sum;
    best = name;
  }
  return { score, class: best, findings };
}

const WORD = /[\p{L}\p{N}_]+/gu;

/** A piece of a text without anything that was somebody's: of words and numbers, those that signatures name. */
export const knownWordsOnly = (text: string): string =>
  text.replaceAll(WORD, (word) => (vocabulary.has(word.toLowerCase()) || word.length === 1 ? word : '…'));
