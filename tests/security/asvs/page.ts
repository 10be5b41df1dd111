import type { Requirement } from './requirements.ts';
import { type ChapterCounts, type Counts, countByChapter, countOf, type Evidence, type Judged } from './verdicts.ts';

const RUN_HEADING = '## What the last run saw';
/** Where the part begins that follows from the source alone; a test holds the page to it. */
export const BINDINGS_HEADING = '## Requirement by requirement';

const INTRODUCTION = [
  '# OWASP ASVS 5.0',
  '',
  'Written by `npm run asvs` ([how](../tests/security/asvs/README.md)). Requirements: OWASP Application Security Verification',
  'Standard 5.0.0, © The OWASP Foundation, CC BY-SA 4.0. In the tables: met / not met / not applicable.',
  '',
].join('\n');

/** `ofRun`: what the last run saw, empty where there was none. `judged`: as if every test passed. */
export const wholePage = (ofRun: string, judged: readonly Judged[], evidence: Evidence): string =>
  `${INTRODUCTION}\n${ofRun}${bindingsPart(judged, evidence)}\n`;

/** The part of `page` that a run wrote. */
export function runPartOf(page: string): string {
  const [start, end] = [page.indexOf(RUN_HEADING), page.indexOf(BINDINGS_HEADING)];
  return start < 0 ? '' : page.slice(start, end);
}

/** The part that needs no run: what each requirement rests on, and what is met while all of it holds. */
export function bindingsPart(judged: readonly Judged[], evidence: Evidence): string {
  const chapters = Map.groupBy(judged, ({ requirement }) => requirement.chapter);
  const tables = [...chapters.values()].map((ofChapter) => {
    const [first] = countByChapter(ofChapter);
    const rows = ofChapter.map(
      (one) => `| ${one.requirement.id} | ${one.requirement.level} | ${restsOn(one, evidence)} |`,
    );
    return [`### ${first?.chapter}`, '', '| id | level | rests on |', '|---|---|---|', ...rows, ''].join('\n');
  });
  return [
    BINDINGS_HEADING,
    '',
    'Read off the source: tests are files whose titles name the id; a citation is a file and what stands in it. While all of these tests',
    'pass:',
    '',
    ...countTable(judged),
    '',
    ...tables,
  ]
    .join('\n')
    .trimEnd();
}

function restsOn({ requirement: { id }, verdict }: Judged, { bindings, citations }: Evidence): string {
  if (verdict.is !== 'met') return cell(`**${verdict.is}**: ${verdict.because}`);
  const tests = (bindings.get(id) ?? []).map((file) => `\`${file}\``);
  const cited = (citations[id] ?? []).map(({ file, text }) => `\`${file}\`: “${text}”`);
  return cell([...tests, ...cited].join('<br>'));
}

const cell = (text: string): string => text.replaceAll('|', '\\|');

/** What a run saw. `commit`: of the tree the tests ran on. */
export function runPart(judged: readonly Judged[], commit: string): string {
  const open = judged.flatMap(({ requirement: { id, level }, verdict }) =>
    verdict.is === 'not met' ? [cell(`- **${id}** (level ${level}): ${verdict.because}`)] : [],
  );
  return [
    RUN_HEADING,
    '',
    `Tests of commit \`${commit.slice(0, 12)}\`.`,
    '',
    ...countTable(judged),
    '',
    '### Not met',
    '',
    ...open,
    '',
    '',
  ].join('\n');
}

const countTable = (judged: readonly Judged[]): string[] => [
  '| chapter | level 1 | level 2 | level 3 |',
  '|---|---|---|---|',
  ...[...countByChapter(judged), totalOf(judged)].map(
    ({ chapter, levels }) => `| ${chapter} | ${inCell(levels[1])} | ${inCell(levels[2])} | ${inCell(levels[3])} |`,
  ),
];

/** The same table for a terminal. */
export function terminalTable(judged: readonly Judged[]): string {
  const rows = [...countByChapter(judged), totalOf(judged)];
  const width = Math.max(...rows.map(({ chapter }) => chapter.length));
  const line = (chapter: string, cells: readonly string[]) =>
    [chapter.padEnd(width), ...cells.map((text) => text.padStart(14))].join('  ').trimEnd();
  return [
    'met / not met / not applicable',
    line('', ['level 1', 'level 2', 'level 3']),
    ...rows.map(({ chapter, levels }) => line(chapter, [levels[1], levels[2], levels[3]].map(inCell))),
  ].join('\n');
}

function totalOf(judged: readonly Judged[]): ChapterCounts {
  const count = (level: Requirement['level']) => countOf(judged.filter((one) => one.requirement.level === level));
  return { chapter: 'All', levels: { 1: count(1), 2: count(2), 3: count(3) } };
}

const inCell = ({ met, notMet, notApplicable }: Counts): string =>
  met + notMet + notApplicable === 0 ? '–' : `${met} / ${notMet} / ${notApplicable}`;
