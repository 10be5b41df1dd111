import type { PersonalDataKind } from '@valtronics/contract';
import { fullMask } from '../../lib/masking.ts';
import { isTechnical, kindOfField, namesMachine } from './keys.ts';
import { aboutPerson, besidePerson, type Label, labels } from './labels.ts';
import { shapes } from './shapes.ts';

/** Where in a text it stands: from `start` to before `end`, in UTF-16 units. */
export interface FoundPersonalData {
  readonly kind: PersonalDataKind;
  readonly start: number;
  readonly end: number;
}

/** Texts are read up to here; the contract allows none that is longer. */
const MAX_LENGTH = 65_536;
/** Nothing shorter says who somebody is, without a word beside it. */
const MIN_LENGTH = 6;
/** Where a text stands. */
export interface TextPlace {
  /** The name of its field, where people choose that. */
  readonly key?: string;
  /** The field holds what a machine is called or says, and no prose. */
  readonly machine?: boolean;
}

/**
 * What in a text says who somebody is: by its own shape, by the word in front of it, by the name of its field, or because the
 * text is about a person. Linear in its length. Ordered, and none inside another.
 */
export function findPersonalData(text: string, { key, machine = false }: TextPlace = {}): FoundPersonalData[] {
  const kind = key === undefined ? undefined : kindOfField(key, text);
  if (kind) return [{ kind, start: 0, end: text.length }];
  // "door open", "idle since noon": most texts of machines end here.
  if (text.length < MIN_LENGTH || !/[@\d\p{Lu}]/u.test(text)) return [];
  const read = text.length > MAX_LENGTH ? text.slice(0, MAX_LENGTH) : text;
  const technical = machine || (key !== undefined && isTechnical(key)) || namesMachine(read);
  const found = [
    ...shapes.flatMap(({ kind, pattern, holds, likeSerial }) => {
      if (likeSerial && technical) return [];
      return [...read.matchAll(pattern)]
        .filter(([match]) => holds?.(match) ?? true)
        .map(({ 0: match, index }) => ({ kind, start: index, end: index + match.length }));
    }),
    ...labelled(read, labels),
    ...(aboutPerson.test(read) ? labelled(read, besidePerson) : []),
  ];
  return apart(found);
}

function labelled(text: string, among: readonly Label[]): FoundPersonalData[] {
  return among.flatMap(({ kind, pattern }) =>
    [...text.matchAll(pattern)].map(({ 0: match, 1: value = match, index }) => {
      const start = index + match.lastIndexOf(value);
      return { kind, start, end: start + value.length };
    }),
  );
}

/** What overlaps is one: as long as all of it, and of the kind of its longest part. */
function apart(found: readonly FoundPersonalData[]): FoundPersonalData[] {
  const merged: (FoundPersonalData & { longest: number })[] = [];
  for (const { kind, start, end } of found.toSorted((a, b) => a.start - b.start || b.end - a.end)) {
    const last = merged.at(-1);
    const longest = end - start;
    if (last === undefined || start >= last.end) merged.push({ kind, start, end, longest });
    else
      merged[merged.length - 1] = {
        kind: longest > last.longest ? kind : last.kind,
        start: last.start,
        end: Math.max(end, last.end),
        longest: Math.max(longest, last.longest),
      };
  }
  return merged.map(({ kind, start, end }) => ({ kind, start, end }));
}

/**
 * In a longer text a mask is no longer than what it hides, since the text may fill its field. In a short one it is of one length, as everywhere: at most
 * eight are found in it, each two characters shorter than its mask, and every field has room for that.
 */
const SHORT = 48;

/** The text with what was found hidden. */
export function hidePersonalData(text: string, found: readonly FoundPersonalData[]): string {
  let shown = '';
  let position = 0;
  for (const { start, end } of found) {
    const stars = text.length <= SHORT ? fullMask : fullMask.slice(0, end - start);
    shown += text.slice(position, start) + stars;
    position = end;
  }
  return shown + text.slice(position);
}
