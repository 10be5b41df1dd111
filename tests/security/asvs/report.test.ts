import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type Bindings, idsIn, root } from './bindings.ts';
import { judge, readEvidence } from './evidence.ts';
import { BINDINGS_HEADING, bindingsPart, terminalTable } from './page.ts';
import { type Requirement, readRequirements } from './requirements.ts';
import { readOutcomes } from './test-report.ts';
import { countOf, type Evidence, mayBeCited, verdictOn } from './verdicts.ts';

const requirements = readRequirements();
const known = new Set(requirements.map(({ id }) => id));
const evidence = readEvidence();
const { bindings, citations, notApplicable, gaps } = evidence;

describe('the requirements', () => {
  it('are those of ASVS 5.0.0, each once', () => {
    expect([requirements.length, known.size]).toEqual([345, 345]);
    expect([1, 2, 3].map((level) => requirements.filter((one) => one.level === level).length)).toEqual([70, 183, 92]);
    expect(requirements.find(({ id }) => id === '6.2.1')).toEqual({
      id: '6.2.1',
      level: 1,
      chapter: 'Authentication',
      class: 'B',
      text: 'Verify that user set passwords are at least 8 characters in length although a minimum of 15 characters is strongly recommended.',
    });
    expect(requirements.filter(({ text }) => !/^Verify that,? .*[.)]$/.test(text)).map(({ id }) => id)).toEqual([]);
  });
});

describe('what they rest on', () => {
  it('every id that a test, a citation, a reason or a gap names is one', () => {
    const named = [...bindings.keys(), ...[citations, notApplicable, gaps].flatMap((list) => Object.keys(list))];
    expect(named.filter((id) => !known.has(id))).toEqual([]);
  });

  it('nothing is said to be missing, or proven, where it is said not to apply', () => {
    const proven = (id: string) => bindings.has(id) || id in citations || id in gaps;
    expect(Object.keys(notApplicable).filter(proven)).toEqual([]);
  });

  it('a gap is not cited as met', () => {
    expect(Object.keys(gaps).filter((id) => id in citations)).toEqual([]);
  });

  it('what our reading holds for inapplicable has a reason or a test', () => {
    const unsaid = requirements.filter(
      (one) => one.class === 'N' && !(one.id in notApplicable) && !bindings.has(one.id),
    );
    expect(unsaid.map(({ id }) => id)).toEqual([]);
  });

  it('what a client can test is never cited instead', () => {
    expect(requirements.filter((one) => one.id in citations && !mayBeCited(one)).map(({ id }) => id)).toEqual([]);
  });

  it('every citation stands in its file, a heading as a whole line', () => {
    const missing = Object.entries(citations).flatMap(([id, cited]) =>
      cited.filter(({ file, text }) => !stands(file, text)).map(({ file, text }) => `${id}: ${file}: ${text}`),
    );
    expect(missing).toEqual([]);
  });

  it('every file that a reason names exists', () => {
    const named = Object.values(notApplicable).flatMap((reason) => reason.match(/[\w/-]+\/[\w.-]+\.ts\b/g) ?? []);
    expect(named.filter((file) => !existsSync(join(root, file)))).toEqual([]);
  });
});

function stands(file: string, text: string): boolean {
  if (!existsSync(join(root, file))) return false;
  const content = readFileSync(join(root, file), 'utf8');
  return text.startsWith('#') ? content.split('\n').includes(text) : content.includes(text);
}

describe('a verdict', () => {
  const ofClass = (verification: Requirement['class']): Requirement => ({
    id: '6.2.1',
    level: 1,
    chapter: 'Authentication',
    class: verification,
    text: 'Verify.',
  });
  const named: Bindings = new Map([['6.2.1', ['a.test.ts', 'b.test.ts']]]);
  const nothing: Evidence = { bindings: new Map(), citations: {}, notApplicable: {}, gaps: {} };
  const cited = { '6.2.1': [{ file: 'docs/a.md', text: '# A' }] };
  const aRun = (...tests: [file: string, title: string, status: string][]) =>
    readOutcomes(
      JSON.stringify({
        testResults: tests.map(([file, fullName, status]) => ({
          name: join(root, file),
          assertionResults: [{ fullName, status }],
        })),
      }),
    );
  const seen = (...tests: Parameters<typeof aRun>) =>
    verdictOn(ofClass('B'), { ...nothing, bindings: named }, aRun(...tests)).is;

  it('is "met" when every test that names the id passed', () => {
    expect(seen(['a.test.ts', '[ASVS 6.2.1] x', 'passed'], ['b.test.ts', 'y [ASVS 1.1.1, 6.2.1] z', 'passed'])).toBe(
      'met',
    );
  });

  it.each(['failed', 'skipped', 'pending', 'todo', 'disabled'])('is "not met" when one %s', (status) => {
    expect(seen(['a.test.ts', '[ASVS 6.2.1] x', 'passed'], ['b.test.ts', '[ASVS 6.2.1] y', status])).toBe('not met');
    expect(seen(['a.test.ts', '[ASVS 6.2.1] x', 'passed'], ['b.test.ts', '[ASVS 6.2.1] y', 'passed'])).toBe('met');
  });

  it('is "not met" when a file that names the id did not run, or ran without it', () => {
    expect(seen(['a.test.ts', '[ASVS 6.2.1] x', 'passed'])).toBe('not met');
    expect(seen(['a.test.ts', '[ASVS 6.2.1] x', 'passed'], ['b.test.ts', '[ASVS 6.2.11] y', 'passed'])).toBe('not met');
    expect(seen()).toBe('not met');
  });

  it('is "not met" for what no test names, citation or not, where a client can test it', () => {
    expect(verdictOn(ofClass('S'), { ...nothing, citations: cited }).is).toBe('not met');
    expect(verdictOn(ofClass('W'), { ...nothing, citations: cited }).is).toBe('met');
    expect(verdictOn(ofClass('W'), nothing).is).toBe('not met');
  });

  it('of a document needs the document, whatever tests pass', () => {
    expect(verdictOn(ofClass('D'), { ...nothing, bindings: named }).is).toBe('not met');
    expect(verdictOn(ofClass('D'), { ...nothing, citations: cited }).is).toBe('met');
  });

  it('of what is cited and tested fails with its test', () => {
    const both = { ...nothing, citations: cited, bindings: named };
    expect(verdictOn(ofClass('P'), both, aRun(['a.test.ts', '[ASVS 6.2.1] x', 'failed'])).is).toBe('not met');
  });

  it('is "not met" where a gap is written down, though every test passed', () => {
    const open = { ...nothing, bindings: named, gaps: { '6.2.1': 'half of it' } };
    expect(verdictOn(ofClass('B'), open)).toEqual({ is: 'not met', because: 'half of it' });
  });

  it('counts once: met, not met and not applicable are all there is', () => {
    const judged = judge(evidence);
    const { met, notMet, notApplicable: outside } = countOf(judged);
    expect(met + notMet + outside).toBe(345);
    expect(terminalTable(judged).split('\n')).toHaveLength(2 + 17 + 1);
  });
});

it('a title names its ids between brackets, several with commas', () => {
  expect(idsIn('[ASVS 6.2.1, 10.4.14] and [ASVS 9.1.1] x')).toEqual(['6.2.1', '10.4.14', '9.1.1']);
  expect(idsIn('ASVS 6.2.1')).toEqual([]);
});

it('docs/asvs.md says what the source says: `npm run asvs -- --bindings` renews it', () => {
  const page = readFileSync(join(root, 'docs/asvs.md'), 'utf8');
  expect(page.slice(page.indexOf(BINDINGS_HEADING)).trimEnd()).toBe(bindingsPart(judge(evidence), evidence));
});
