import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { silenceOfFleet } from '../../server/src/features/devices/fleet-watch.ts';
import { JUMP_MS } from '../../server/src/security/detection/clock-watch.ts';
import { loadScenarios, type Scenario } from '../../server/src/security/detection/scenario.ts';
import { guessingRules } from '../../server/src/security/shield/guessing-rules.ts';

// The table of docs/detection.md says what the files of scenarios say.

interface Row {
  readonly ids: readonly string[];
  readonly raised: string;
  readonly severity: string;
  readonly follows: string;
  readonly techniques: readonly string[];
}

const rows: readonly Row[] =
  readFileSync(join(import.meta.dirname, '../../docs/detection.md'), 'utf8')
    .split('| scenario | raised when | severity | follows | ATT&CK |\n')[1]
    ?.split('\n\n')[0]
    ?.split('\n')
    .slice(1)
    .map((line) => line.split('|').map((cell) => cell.trim()))
    .map(([, ids = '', raised = '', severity = '', follows = '', techniques = '']) => ({
      ids: ids.split(', '),
      raised,
      severity,
      follows,
      techniques: techniques.split(', '),
    })) ?? [];

/** `the same …` takes its figures from the row above. */
const textOf = (nth: number): string => {
  const { raised } = rows[nth] as Row;
  return raised.startsWith('the same') ? textOf(nth - 1) : raised;
};

const WORDS: Readonly<Record<number, string>> = { 60: 'a minute', 1800: 'half an hour', 3600: 'an hour' };
const span = (seconds: number): string => `within ${WORDS[seconds] ?? `${seconds / 60} minutes`}`;
const number = (value: number): string => (value === 2 ? 'twice' : value.toLocaleString('en'));
const HOUR = guessingRules.windowMs / 1_000;

/** What the text must say, and all the figures it may say. */
function figuresOf({ id, rule }: Scenario): readonly string[] {
  switch (rule.type) {
    case 'window':
      return [number(rule.count), span(rule.seconds)];
    case 'distinct':
      return [...Object.values(rule.of).map(number), span(rule.seconds)];
    case 'bucket':
      return [`${rule.capacity / 1_048_576} MiB`, `draining ${span(rule.drainsIn)}`];
    case 'sequence':
      return [span(rule.seconds)];
    default:
      // What a trigger answers to was counted elsewhere.
      if (id === 'brute-force')
        return [`${guessingRules.failuresToBlock} times`, span(HOUR), `${guessingRules.firstBlockMs / 1_000} s`];
      if (id === 'persistent-guessing') return [`${guessingRules.attemptsToSuspect} attempts`, span(HOUR)];
      if (id === 'clock-jump') return [`${JUMP_MS / 1_000} s`];
      if (id !== 'silent-fleet') return [];
      return [
        `${silenceOfFleet.devices} devices`,
        `${silenceOfFleet.part * 100} %`,
        span(silenceOfFleet.withinMs / 1_000),
      ];
  }
}

function answerOf({ response, subject, rule, id }: Scenario): RegExp {
  if (response.decision !== 'none')
    return subject === 'device' ? /^block of the device$/ : new RegExp(`^${response.decision}$`);
  if (id === 'brute-force' && rule.type === 'trigger') return /^incident \(the block stands already\)$/;
  return response.opensIncident ? /^incident$/ : /^shown$/;
}

const scenarios = loadScenarios();

it('names every scenario, once, and no other', () => {
  expect(rows.flatMap(({ ids }) => ids).sort()).toEqual(scenarios.map(({ id }) => id).sort());
});

it.each(scenarios.map((scenario) => [scenario.id, scenario] as const))(
  'says of %s what its file says',
  (id, scenario) => {
    const nth = rows.findIndex(({ ids }) => ids.includes(id));
    const { ids, severity, follows, techniques } = rows[nth] as Row;
    const text = textOf(nth);
    expect(severity).toBe(scenario.severity);
    // Of the techniques of MITRE ATT&CK, one for each scenario of the row.
    expect(techniques[ids.indexOf(id)]).toBe(scenario.technique);
    expect(techniques).toHaveLength(ids.length);
    expect(follows).toMatch(answerOf(scenario));
    const figures = figuresOf(scenario);
    for (const figure of figures) expect(text).toMatch(new RegExp(`(?<![\\d,])${figure}(?!\\w)`));
    if (figures.length > 0)
      for (const [said] of text.matchAll(/\d[\d,]*/g)) expect(figures.join(' ').split(/[^\d,]+/), said).toContain(said);
  },
);
