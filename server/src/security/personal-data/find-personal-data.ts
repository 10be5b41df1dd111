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
/** Of one text. */
const MAX_FOUND = 50;

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
  return apart(found).slice(0, MAX_FOUND);
}

function labelled(text: string, among: readonly Label[]): FoundPersonalData[] {
  return among.flatMap(({ kind, pattern }) =>
    [...text.matchAll(pattern)].map(({ 0: match, 1: value = match, index }) => {
      const start = index + match.lastIndexOf(value);
      return { kind, start, end: start + value.length };
    }),
  );
}

/** Of those that overlap the longest, and of equals the first. */
function apart(found: readonly FoundPersonalData[]): FoundPersonalData[] {
  const kept: FoundPersonalData[] = [];
  for (const each of found.toSorted((a, b) => b.end - b.start - (a.end - a.start)))
    if (kept.every(({ start, end }) => each.end <= start || each.start >= end)) kept.push(each);
  return kept.toSorted((a, b) => a.start - b.start);
}

/** The text with what was found hidden. */
export function hidePersonalData(text: string, found: readonly FoundPersonalData[]): string {
  let shown = '';
  let position = 0;
  for (const { start, end } of found) {
    shown += text.slice(position, start) + fullMask;
    position = end;
  }
  return shown + text.slice(position);
}
