import type { Bindings } from './bindings.ts';
import { chapterNumber, type Requirement } from './requirements.ts';
import type { BoundTest, Outcomes } from './test-report.ts';

export interface Citation {
  /** From the root of the repository. */
  file: string;
  /** Stands in that file: a heading, a sentence, or a line of source. */
  text: string;
}

/** What is known about the requirements without running anything. */
export interface Evidence {
  bindings: Bindings;
  citations: Readonly<Record<string, readonly Citation[]>>;
  /** Id -> why there is nothing here that it could apply to. */
  notApplicable: Readonly<Record<string, string>>;
  /** Id -> what is missing. */
  gaps: Readonly<Record<string, string>>;
}

export type Verdict = { is: 'met' } | { is: 'not met'; because: string } | { is: 'not applicable'; because: string };

/**
 * Whether `requirement` is met. Only what is proven is: tests must all have passed, and documentation must be cited, since a test
 * cannot tell whether a document says enough. `outcomes` undefined: judged as if every bound test passed.
 */
export function verdictOn(requirement: Requirement, evidence: Evidence, outcomes?: Outcomes): Verdict {
  const { id } = requirement;
  const notApplicable = evidence.notApplicable[id];
  if (notApplicable !== undefined) return { is: 'not applicable', because: notApplicable };
  const gap = evidence.gaps[id];
  if (gap !== undefined) return notMet(gap);

  const files = evidence.bindings.get(id) ?? [];
  const isCited = (evidence.citations[id] ?? []).length > 0;
  if (requirement.class === 'D' && !isCited) return notMet('no document is cited');
  if (files.length === 0) {
    return isCited && mayBeCited(requirement) ? { is: 'met' } : notMet('no test names it');
  }
  return outcomes === undefined ? { is: 'met' } : verdictOfRun(files, outcomes.get(id) ?? []);
}

/** What a client can test is met by a test and by nothing else. */
export const mayBeCited = ({ class: verification }: Requirement): boolean => !['B', 'S'].includes(verification);

function verdictOfRun(files: readonly string[], tests: readonly BoundTest[]): Verdict {
  const failed = tests.find(({ passed }) => !passed);
  if (failed !== undefined) return notMet(`did not pass: ${failed.file}: ${failed.title}`);
  const unseen = files.find((file) => !tests.some((test) => test.file === file));
  return unseen === undefined ? { is: 'met' } : notMet(`did not run: ${unseen}`);
}

const notMet = (because: string): Verdict => ({ is: 'not met', because });

export interface Counts {
  met: number;
  notMet: number;
  notApplicable: number;
}

export interface ChapterCounts {
  /** `V6 Authentication` */
  chapter: string;
  levels: Readonly<Record<Requirement['level'], Counts>>;
}

export interface Judged {
  requirement: Requirement;
  verdict: Verdict;
}

/** Chapter x level, in the order of the standard. */
export function countByChapter(judged: readonly Judged[]): ChapterCounts[] {
  const chapters = Map.groupBy(judged, ({ requirement: { id, chapter } }) => `V${chapterNumber(id)} ${chapter}`);
  return [...chapters].map(([chapter, ofChapter]) => {
    const count = (level: Requirement['level']) => countOf(ofChapter.filter((one) => one.requirement.level === level));
    return { chapter, levels: { 1: count(1), 2: count(2), 3: count(3) } };
  });
}

export function countOf(judged: readonly Judged[]): Counts {
  const count = (is: Verdict['is']) => judged.filter(({ verdict }) => verdict.is === is).length;
  return { met: count('met'), notMet: count('not met'), notApplicable: count('not applicable') };
}
