import { describe, expect, test } from 'vitest';
import { createEngine } from './engine.ts';
import { loadScenarios, type Scenario } from './scenario.ts';
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

describe.each(scenarios.map((scenario) => [scenario.id, scenario] as const))('%s', (_id, scenario) => {
  const raised = (events: readonly SeenEvent[]) => {
    const engine = createEngine([scenario]);
    return events.flatMap((event) => engine.see(event));
  };

  test.each(scenario.tests.positive)('is raised: $name', (example) => {
    const events = eventsOf(example);
    const conclusions = raised(events);
    expect(conclusions.length).toBeGreaterThanOrEqual(1);
    expect(conclusions[0]?.subject).not.toBe('');
    // The last event is the one it takes: without it nothing is raised.
    expect(raised(events.slice(0, -1))).toEqual([]);
  });

  test.each(scenario.tests.negative)('is not raised: $name', (example) => {
    expect(raised(eventsOf(example))).toEqual([]);
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
