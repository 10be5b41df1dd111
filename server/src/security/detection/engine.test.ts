import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createEngine } from './engine.ts';
import { loadScenarios, type Scenario } from './scenario.ts';
import type { SeenEvent } from './seen-event.ts';

const START = Date.UTC(2026, 0, 1);
let position = 0;
const anEvent = (seconds: number, event: Partial<SeenEvent> = {}): SeenEvent => {
  position += 1;
  return {
    position,
    at: START + seconds * 1_000,
    organisationId: 1,
    action: 'path.unknown',
    outcome: 'failure',
    transport: 'http',
    address: '203.0.113.1',
    userId: null,
    deviceId: null,
    method: null,
    route: null,
    status: null,
    reason: null,
    count: 1,
    details: {},
    ...event,
  };
};

const match = { actions: ['path.unknown'] };
function aScenario(rule: Scenario['rule'], more: Partial<Scenario> = {}): Scenario {
  return {
    id: 'a-scenario',
    name: 'A scenario',
    description: 'For the tests of the engine',
    technique: null,
    severity: 'low',
    rule,
    ...(rule.type === 'sequence' ? {} : { groupBy: ['address'] }),
    subject: 'ip',
    cooldownSeconds: 1_000,
    response: { decision: 'none', opensIncident: false },
    tests: { positive: [], negative: [] },
    ...more,
  };
}
const raisedAt = (scenario: Scenario, events: readonly SeenEvent[]): number[] => {
  const engine = createEngine([scenario]);
  return events.flatMap((event, n) => engine.see(event).map(() => n));
};

describe('a window of 5 within 60 s', () => {
  const scenario = aScenario({ type: 'window', match, count: 5, seconds: 60 });
  test('is silent at 4 and raised at 5', () => {
    expect(
      raisedAt(
        scenario,
        [0, 1, 2, 3].map((at) => anEvent(at)),
      ),
    ).toEqual([]);
    expect(
      raisedAt(
        scenario,
        [0, 1, 2, 3, 4].map((at) => anEvent(at)),
      ),
    ).toEqual([4]);
  });
  test('reaches to just before 60 s', () => {
    expect(
      raisedAt(
        scenario,
        [0, 1, 2, 3, 59.999].map((at) => anEvent(at)),
      ),
    ).toEqual([4]);
    expect(
      raisedAt(
        scenario,
        [0, 1, 2, 3, 60].map((at) => anEvent(at)),
      ),
    ).toEqual([]);
  });
  test('slides: which five does not matter', () => {
    expect(
      raisedAt(
        scenario,
        [0, 50, 100, 110, 120, 130, 140].map((at) => anEvent(at)),
      ),
    ).toEqual([6]);
  });
  test('counts what a flood has merged', () => {
    expect(raisedAt(scenario, [anEvent(0, { count: 4 })])).toEqual([]);
    expect(raisedAt(scenario, [anEvent(0, { count: 4 }), anEvent(1)])).toEqual([1]);
  });
  test('is exact for events that come in another order', () => {
    expect(
      raisedAt(
        scenario,
        [59, 0, 30, 10, 20].map((at) => anEvent(at)),
      ),
    ).toEqual([4]);
    expect(
      raisedAt(
        scenario,
        [61, 0, 30, 10, 20].map((at) => anEvent(at)),
      ),
    ).toEqual([]);
  });
  test('agrees with counting by hand, whatever comes', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 200 }), { maxLength: 40 }), (times) => {
        const sorted = times.toSorted((a, b) => a - b);
        const first = sorted.findIndex((at, n) => sorted.slice(0, n + 1).filter((each) => at - each < 60).length >= 5);
        expect(
          raisedAt(
            scenario,
            sorted.map((at) => anEvent(at)),
          )[0] ?? -1,
        ).toBe(first);
      }),
    );
  });
  test('is silent until its cooldown is over, and then counts from the start', () => {
    const times = [...Array(5).keys(), ...Array.from({ length: 100 }, (_, n) => 5 + n * 10)];
    const raised = raisedAt(
      scenario,
      times.map((at) => anEvent(at)),
    );
    expect(raised[0]).toBe(4);
    expect(raised).toHaveLength(1);
    const later = [0, 1, 2, 3, 4, 1_003.9, 1_004, 1_005, 1_006, 1_007, 1_008];
    expect(
      raisedAt(
        scenario,
        later.map((at) => anEvent(at)),
      ),
    ).toEqual([4, 10]);
  });
  test('another address has its own count; an IPv6 network is one', () => {
    expect(
      raisedAt(
        scenario,
        [1, 2, 3, 4, 5].map((n) => anEvent(n, { address: `203.0.113.${n}` })),
      ),
    ).toEqual([]);
    expect(
      raisedAt(
        scenario,
        [1, 2, 3, 4, 5].map((n) => anEvent(n, { address: `2001:db8::${n}` })),
      ),
    ).toEqual([4]);
  });
});

test('a bucket of 100 that drains within 100 s takes 1 a second for ever, and not 2', () => {
  const scenario = aScenario({ type: 'bucket', match, capacity: 100, drainsIn: 100 });
  const every = (seconds: number, times: number) => Array.from({ length: times }, (_, n) => anEvent(n * seconds));
  expect(raisedAt(scenario, every(1, 2_000))).toEqual([]);
  expect(raisedAt(scenario, every(0, 100))).toEqual([]);
  expect(raisedAt(scenario, every(0, 101))).toEqual([100]);
  expect(raisedAt(scenario, every(0.5, 400))[0]).toBeGreaterThan(150);
});

test('distinct values: the third within the time, not the second again nor one too late', () => {
  const scenario = aScenario({ type: 'distinct', match, of: { route: 3 }, seconds: 60 });
  const routes = (...of: [number, string][]) => of.map(([at, route]) => anEvent(at, { route }));
  expect(raisedAt(scenario, routes([0, 'a'], [1, 'b'], [2, 'a'], [3, 'b']))).toEqual([]);
  expect(raisedAt(scenario, routes([0, 'a'], [1, 'b'], [59.9, 'c']))).toEqual([2]);
  expect(raisedAt(scenario, routes([0, 'a'], [1, 'b'], [60, 'c']))).toEqual([]);
  expect(raisedAt(scenario, routes([0, 'a'], [1, 'b'], [59, 'a'], [60, 'c']))).toEqual([3]);
});

test('distinct values of two kinds: what was seen again lately is kept, whatever came first', () => {
  const scenario = aScenario({ type: 'distinct', match, of: { route: 2, method: 2 }, seconds: 60 });
  const events = (['a 0', 'b 1', 'a 50', 'c 55'] as const).map((each) => {
    const [route, at] = each.split(' ');
    return anEvent(Number(at), { route: route ?? '', method: 'GET' });
  });
  // a and c are within the minute before, b is not.
  expect(raisedAt(scenario, [...events, anEvent(62, { route: 'c', method: 'POST' })])).toEqual([4]);
});

test('a sequence: in its order, of one subject, in time', () => {
  const steps = [
    { match, by: 'user' },
    { match: { actions: ['access.refused'] }, by: 'user' },
  ];
  const scenario = aScenario({ type: 'sequence', steps, seconds: 60 }, { subject: 'user' });
  const first = (at: number, userId: string) => anEvent(at, { userId });
  const second = (at: number, userId: string) => anEvent(at, { userId, action: 'access.refused' });
  expect(raisedAt(scenario, [first(0, 'a'), second(59, 'a')])).toEqual([1]);
  expect(raisedAt(scenario, [first(0, 'a'), second(60, 'a')])).toEqual([]);
  expect(raisedAt(scenario, [second(0, 'a'), first(1, 'a')])).toEqual([]);
  expect(raisedAt(scenario, [first(0, 'a'), second(1, 'b')])).toEqual([]);
  expect(raisedAt(scenario, [first(0, 'a'), first(50, 'a'), second(100, 'a')])).toEqual([2]);
});

describe('under a flood of forged addresses', () => {
  test('memory is bounded, and whoever keeps on is still found', () => {
    const engine = createEngine(loadScenarios(), { mostSubjects: 1_000 });
    const found = new Set<string>();
    for (let n = 0; n < 100_000; n += 1) {
      const address = `10.${n >> 16}.${(n >> 8) & 255}.${n & 255}`;
      for (const action of ['path.unknown', 'request.blocked', 'session.refused', 'rate.exceeded'])
        engine.see(anEvent(n / 10_000, { action, address, route: `/${n}`, userId: `u${n}` }));
      if (n % 400 !== 0) continue;
      for (const { scenario } of engine.see(anEvent(n / 10_000, { address: '203.0.113.66', route: `/${n}` })))
        found.add(scenario.id);
    }
    expect(found).toContain('scanning');
    expect(engine.size).toBeLessThanOrEqual(loadScenarios().length * 2 * 1_000);
  });
});

describe('read again after a restart', () => {
  const scenario = aScenario({ type: 'window', match, count: 3, seconds: 60 });
  test('events count on, conclude nothing and make nothing silent', () => {
    const engine = createEngine([scenario]);
    for (const at of [0, 1, 2, 3]) engine.replay(anEvent(at));
    expect(engine.see(anEvent(4))).toHaveLength(1);
    expect(engine.see(anEvent(5))).toEqual([]);
  });
  test('what was raised is what makes silent, and what came meanwhile is no part of the next count', () => {
    const engine = createEngine([scenario]);
    engine.suppress('a-scenario', '203.0.113.1', null, START + 1_000_000);
    for (const at of [0, 998, 999]) engine.replay(anEvent(at));
    expect([1_000, 1_001, 1_002].map((at) => engine.see(anEvent(at)).length)).toEqual([0, 0, 1]);
  });
  test('a sequence is silent about whom its last step names', () => {
    const steps = [
      { match, by: 'details.invited' },
      { match: { actions: ['access.refused'] }, by: 'user' },
    ];
    const acts = aScenario({ type: 'sequence', steps, seconds: 60 }, { subject: 'user' });
    const invites = (at: number, invited: string) => anEvent(at, { userId: 'admin', details: { invited } });
    const engine = createEngine([acts]);
    engine.suppress('a-scenario', 'new', 1, START + 1_000_000);
    engine.suppress('a-scenario', 'admin', 1, START + 1_000_000);
    for (const invited of ['new', 'newer']) engine.replay(invites(0, invited));
    const act = (userId: string) => engine.see(anEvent(1, { userId, action: 'access.refused' }));
    expect([act('new').length, act('newer').length]).toEqual([0, 1]);
  });
});

test('events are the whole input: the same again leads to the same', () => {
  const events = Array.from({ length: 500 }, (_, n) =>
    anEvent(n / 10, { route: `/${n % 30}`, address: `203.0.113.${n % 7}` }),
  );
  const conclusions = () => {
    const engine = createEngine(loadScenarios());
    return events
      .flatMap((event) => engine.see(event))
      .map(({ scenario, subject, count }) => [scenario.id, subject, count]);
  };
  expect(conclusions()).toEqual(conclusions());
  expect(conclusions().length).toBeGreaterThan(0);
});
