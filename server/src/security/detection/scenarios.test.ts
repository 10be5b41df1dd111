import { describe, expect, test } from 'vitest';
import { createEngine } from './engine.ts';
import { loadScenarios, type Match, type Scenario } from './scenario.ts';
import type { SeenEvent } from './seen-event.ts';

const START = Date.UTC(2026, 0, 1);

/** `{n}` counts up, so that a test can say "another one each time". */
function written(value: unknown, n: number): unknown {
  if (typeof value === 'string') return value.replaceAll('{n}', String(n));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, written(each, n)]));
}

function eventsOf({ events }: Scenario['tests']['positive'][number]): SeenEvent[] {
  return events
    .flatMap(({ at, times = 1, every = 1, event }) =>
      Array.from({ length: times }, (_, n) => ({ at: START + (at + n * every) * 1_000, event: written(event, n + 1) })),
    )
    .sort((one, other) => one.at - other.at)
    .map(({ at, event }, n) => ({
      position: n + 1,
      at,
      organisationId: 1,
      action: '',
      outcome: 'failure',
      transport: 'http',
      address: null,
      userId: null,
      deviceId: null,
      method: null,
      route: null,
      status: null,
      reason: null,
      count: 1,
      details: {},
      ...(event as object),
    }));
}

const scenarios = loadScenarios();

function raisedBy(scenario: Scenario, events: readonly SeenEvent[]) {
  const engine = createEngine([scenario]);
  return events.flatMap((event) => engine.see(event));
}
/** The last event of a positive example is the one it takes: without it nothing is raised. */
const isRaisedByTheLast = (scenario: Scenario, events: readonly SeenEvent[]): boolean =>
  raisedBy(scenario, events).length > 0 && raisedBy(scenario, events.slice(0, -1)).length === 0;
const agrees = (scenario: Scenario): boolean =>
  scenario.tests.positive.every((example) => isRaisedByTheLast(scenario, eventsOf(example))) &&
  scenario.tests.negative.every((example) => raisedBy(scenario, eventsOf(example)).length === 0);

/** The scenario in every way a little off: a number one more or less, a condition or a name left out, everybody counted together. */
function littleOff(scenario: Scenario): [what: string, changed: Scenario][] {
  const all: [string, Scenario][] = [];
  const off = (what: string, change: (of: Scenario) => void): void => {
    const changed = structuredClone(scenario);
    change(changed);
    all.push([what, changed]);
  };
  const numbers = (of: Scenario) => (of.rule.type === 'distinct' ? { ...of.rule, ...of.rule.of } : of.rule);
  for (const [name, value] of Object.entries(numbers(scenario)))
    for (const by of typeof value === 'number' ? [1, -1] : [])
      off(`${name} ${value + by}`, ({ rule }) => {
        Object.assign(rule.type === 'distinct' && name in rule.of ? rule.of : rule, { [name]: value + by });
      });
  for (const [nth, { actions, outcome, transports, where = {} }] of matchesOf(scenario).entries()) {
    const offMatch = (what: string, change: (match: Match) => void): void =>
      off(what, (of) => change(matchesOf(of)[nth] as Match));
    for (const action of actions.length > 1 ? actions : [])
      offMatch(`not ${action}`, (match) => {
        match.actions = actions.filter((each) => each !== action);
      });
    if (outcome) offMatch('any outcome', (match) => delete match.outcome);
    if (transports) offMatch('any door', (match) => delete match.transports);
    for (const name of Object.keys(where)) offMatch(`any ${name}`, (match) => delete match.where?.[name]);
  }
  const { rule, groupBy } = scenario;
  if (rule.type !== 'trigger' && groupBy && !groupBy.includes('instance'))
    off('all together', (of) => {
      of.groupBy = ['instance'];
    });
  return all;
}

const matchesOf = ({ rule }: Scenario): Match[] =>
  rule.type === 'sequence' ? rule.steps.map(({ match }) => match) : [rule.match];

describe.each(scenarios.map((scenario) => [scenario.id, scenario] as const))('%s', (_id, scenario) => {
  test.each(scenario.tests.positive)('is raised: $name', (example) => {
    const events = eventsOf(example);
    expect(raisedBy(scenario, events)[0]?.subject).toMatch(/./);
    expect(isRaisedByTheLast(scenario, events)).toBe(true);
  });

  test.each(scenario.tests.negative)('is not raised: $name', (example) => {
    expect(raisedBy(scenario, eventsOf(example))).toEqual([]);
  });

  test('its examples notice every number, condition and name of an event that is a little off', () => {
    const unnoticed = littleOff(scenario).filter(([, changed]) => agrees(changed));
    expect(unnoticed.map(([what]) => what)).toEqual([]);
  });

  test('no other scenario takes its example for its own unless it means the same', () => {
    const together = createEngine(scenarios);
    const first = scenario.tests.positive[0];
    if (!first) throw new Error('no example');
    const ids = new Set(eventsOf(first).flatMap((event) => together.see(event).map((each) => each.scenario.id)));
    expect([...ids].filter((id) => id !== scenario.id)).toEqual(alsoRaised[scenario.id] ?? []);
  });
});

/** Examples that rightly show two things at once. */
const alsoRaised: Readonly<Record<string, readonly string[]>> = {};
