import { CARRIED, tokens } from './tokenizer.ts';
import { kinds, type Vocabulary } from './vocabulary.ts';

// A signature says what stands next to what, in words parted by spaces:
//   union            this word            (  ,  --         this mark (PIPE | OR2 || QM ? STAR * TILDE ~)
//   all|distinct     one of these         @verb            one of a group
//   x?               at most once         x*3              at most three times, as many as there are
//   ..8              up to eight of any   ~x               x, with no space before it
// There is nothing else, and nothing without a bound. So a pattern looks at no more than `width` tokens, in no more than `steps` steps,
// whatever the text is; that both are small is checked when it is compiled.

/** What a pattern can call a group of: by name, words and marks, or other groups. */
export type Groups = Readonly<Record<string, string>>;

interface Step {
  /** 1 at the number of each token that fits. */
  readonly fits: Uint8Array;
  readonly tight: boolean;
  readonly min: 0 | 1;
  readonly max: number;
  /** So many of any token may stand before it. */
  readonly gap: number;
  /** Exactly one token, and here: there is only one way for it to fit. */
  readonly single: boolean;
}
export interface Pattern {
  readonly steps: readonly Step[];
  readonly width: number;
  readonly cost: number;
}

const builtIn: Readonly<Record<string, readonly number[]>> = {
  /** That no signature knows. */
  unknown: [kinds.word],
  start: [kinds.start],
  end: [kinds.end],
  q: [kinds.singleOpen, kinds.singleClose, kinds.doubleOpen, kinds.doubleClose],
  /** A quote that closes something the text did not open: the first, the third, … of its kind. */
  q1: [kinds.singleOpen, kinds.doubleOpen],
  s1: [kinds.singleOpen],
  d1: [kinds.doubleOpen],
  backtick: [kinds.backtick],
  apostrophe: [kinds.apostrophe],
  mark: [kinds.mark],
};
const MAX_STEPS = 2_000;

/** The words of a list that may name groups. */
export const membersOf = (list: string, groups: Groups): string[] =>
  list.split(' ').flatMap((name) => (name.startsWith('@') ? membersOf(groups[name.slice(1)] ?? '', groups) : [name]));

/** All words and marks that patterns and groups name. */
export function wordsOf(patterns: readonly string[], groups: Groups): Set<string> {
  const written = [...patterns, ...Object.values(groups)].flatMap((text) => text.split(' ')).flatMap(alternatives);
  return new Set(written.filter((name) => name !== '' && !name.startsWith('@') && !name.startsWith('..')));
}

export function compilePattern(text: string, groups: Groups, vocabulary: Vocabulary): Pattern {
  const steps: Step[] = [];
  let gap = 0;
  for (const part of text.split(' ')) {
    const wide = /^\.\.(\d+)$/.exec(part);
    if (wide) {
      gap = Number(wide[1]);
      continue;
    }
    const { core, min, max } = repetition(part);
    const tight = core.startsWith('~');
    const fits = new Uint8Array(vocabulary.size);
    for (const name of alternatives(core)) for (const id of idsOf(name, groups, vocabulary)) fits[id] = 1;
    steps.push({ fits, tight, min, max, gap, single: min === 1 && max === 1 && gap === 0 });
    gap = 0;
  }
  const [first] = steps;
  if (!first || first.min === 0 || first.gap > 0) throw new Error(`${text}: begins with what need not be there`);
  const width = steps.reduce((sum, step) => sum + step.max + step.gap, 0);
  const cost = steps.reduce((product, step) => product * (step.gap + 1), 1) * steps.length;
  if (width > CARRIED) throw new Error(`${text}: ${width} tokens wide`);
  if (cost > MAX_STEPS) throw new Error(`${text}: up to ${cost} steps`);
  return { steps, width, cost };
}

/** Whether a match can go on with this token; so most patterns are out after one look at the next token. */
export function mayFollow(pattern: Pattern, id: number): boolean {
  for (const step of pattern.steps.slice(1)) {
    if (step.gap > 0 || step.fits[id] === 1) return true;
    if (step.min === 1) return false;
  }
  return true;
}

/** The tokens that a match can begin with. */
export const beginnings = (pattern: Pattern): readonly number[] =>
  [...(pattern.steps[0]?.fits ?? [])].flatMap((fits, id) => (fits === 1 ? [id] : []));

/** Whether the pattern fits the tokens from here on. */
export function matches({ steps }: Pattern, from: number): boolean {
  return follows(steps, 0, from);
}

/**
 * How often a token was compared with a step, and how often it may be, for one request. Ordinary texts take about one step for a character;
 * a text made to take twenty-five is stopped, and refused. `again`: characters that were read once more after something was undone in them.
 */
export const work = { steps: 0, limit: 0, again: 0 };
const FREE_STEPS = 200_000;
const STEPS_A_CHARACTER = 1.5;

export function beginWork(): void {
  work.steps = 0;
  work.limit = FREE_STEPS;
  work.again = 0;
}
export function allowFor(characters: number): void {
  work.limit += characters * STEPS_A_CHARACTER;
}

function follows(steps: readonly Step[], first: number, start: number): boolean {
  let index = first;
  let from = start;
  let step = steps[index];
  while (step?.single) {
    work.steps += 1;
    if (!fits(step, from)) return false;
    index += 1;
    from += 1;
    step = steps[index];
  }
  if (step === undefined) return true;
  const last = Math.min(from + step.gap, tokens.count - 1);
  for (let at = from; at <= last; at += 1) {
    let taken = 0;
    work.steps += 1;
    while (taken < step.max && fits(step, at + taken)) taken += 1;
    if (taken >= step.min && follows(steps, index + 1, at + taken)) return true;
  }
  return step.min === 0 && from >= tokens.count ? follows(steps, index + 1, from) : false;
}

const fits = (step: Step, at: number): boolean =>
  at < tokens.count && step.fits[tokens.ids[at] ?? 0] === 1 && (!step.tight || tokens.tight[at] === 1);

function repetition(part: string): { core: string; min: 0 | 1; max: number } {
  const times = /^(.+)\*(\d)$/.exec(part);
  if (times?.[1] !== undefined) return { core: times[1], min: 0, max: Number(times[2]) };
  if (part.length > 1 && part.endsWith('?')) return { core: part.slice(0, -1), min: 0, max: 1 };
  return { core: part, min: 1, max: 1 };
}

function alternatives(part: string): string[] {
  const core = repetition(part).core;
  const bare = core.length > 1 && core.startsWith('~') ? core.slice(1) : core;
  return bare.split('|');
}

function idsOf(name: string, groups: Groups, vocabulary: Vocabulary): readonly number[] {
  if (!name.startsWith('@') || name === '@' || name === '@@') return [vocabulary.idOf(name)];
  const group = name.slice(1);
  if (group === 'word') return [kinds.word, ...vocabulary.words];
  if (group === 'num') return [kinds.number, ...vocabulary.numbers];
  const own = builtIn[group];
  if (own) return own;
  const members = groups[group];
  if (members === undefined) throw new Error(`there is no group ${name}`);
  return members.split(' ').flatMap((member) => idsOf(member, groups, vocabulary));
}
