import type { Requirement } from './requirements.ts';
import { type ChapterCounts, type Counts, countByChapter, countOf, type Evidence, type Judged } from './verdicts.ts';

/** Where the part begins that follows from the source alone; a test holds the page to it. */
export const BINDINGS_HEADING = '## Requirement by requirement';

/** The part of docs/asvs.md that needs no run: what each requirement rests on. `judged` as if every test passed. */
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
    'Tests are files whose titles name the id; a citation is a file and what stands in it.',
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

/** What a run saw: the table of chapter and level, and what is not met. `commit`: of the tree the tests ran on. */
export function runPart(judged: readonly Judged[], commit: string): string {
  const open = judged.filter(({ verdict }) => verdict.is === 'not met');
  return [
    '# OWASP ASVS 5.0',
    '',
    'Written by `npm run asvs` ([how](../tests/security/asvs/README.md)). Requirements: OWASP Application Security Verification',
    'Standard 5.0.0, © The OWASP Foundation, CC BY-SA 4.0.',
    '',
    '## What the last run saw',
    '',
    `Tests of commit \`${commit.slice(0, 12)}\`. In each cell: met / not met / not applicable.`,
    '',
    '| chapter | level 1 | level 2 | level 3 |',
    '|---|---|---|---|',
    ...[...countByChapter(judged), totalOf(judged)].map(
      ({ chapter, levels }) => `| ${chapter} | ${inCell(levels[1])} | ${inCell(levels[2])} | ${inCell(levels[3])} |`,
    ),
    '',
    '### Not met',
    '',
    ...open.map(({ requirement, verdict }) =>
      verdict.is === 'not met' ? cell(`- **${requirement.id}** (level ${requirement.level}): ${verdict.because}`) : '',
    ),
    '',
  ].join('\n');
}

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
