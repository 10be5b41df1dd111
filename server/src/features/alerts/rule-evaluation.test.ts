import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Effect, type Observation, observedValue, step, type ValueRule } from './rule-evaluation.ts';
import { newRuleState, parseState, type RuleState, serialiseState } from './rule-state.ts';

const SECOND = 1_000_000;
const START = 1_767_225_600 * SECOND;

function aRule(fields: Partial<ValueRule>): ValueRule {
  return {
    condition: 'gt',
    threshold: 30,
    perSeconds: null,
    clearThreshold: null,
    forSeconds: 0,
    cooldownSeconds: 0,
    ...fields,
  };
}

/** `[second, value]` pairs, received as they happened. */
const points = (...pairs: [number, number][]): Observation[] =>
  pairs.map(([second, value]) => ({
    atMicros: START + second * SECOND,
    value,
    receivedMicros: START + second * SECOND,
  }));

function run(rule: ValueRule, stream: readonly Observation[], state: RuleState = newRuleState()): Effect[] {
  return stream.flatMap((point) => [...step(rule, state, point)]);
}

/** Raised and cleared only, as `+second` and `-second`. */
const turns = (effects: readonly Effect[]): string[] =>
  effects.flatMap((effect) =>
    effect.kind === 'peak' ? [] : [`${effect.kind === 'raise' ? '+' : '-'}${(effect.atMicros - START) / SECOND}`],
  );

describe('conditions', () => {
  const cases: [ValueRule['condition'], number[], string[]][] = [
    ['gt', [30, 31, 30], ['+1', '-2']],
    ['gte', [29, 30, 29], ['+1', '-2']],
    ['lt', [30, 29, 30], ['+1', '-2']],
    ['lte', [31, 30, 31], ['+1', '-2']],
    ['eq', [29, 30, 31], ['+1', '-2']],
    ['ne', [30, 29, 30], ['+1', '-2']],
    ['no_data', [30, 29, 31], []],
  ];
  it.each(cases)('%s raises and clears exactly at its threshold', (condition, values, expected) => {
    const stream = points(...values.map((value, second): [number, number] => [second, value]));
    expect(turns(run(aRule({ condition }), stream))).toEqual(expected);
  });

  it('counts booleans as 0 and 1 and passes over strings', () => {
    expect([observedValue(true), observedValue(false), observedValue('on'), observedValue(2.5)]).toEqual([
      1,
      0,
      undefined,
      2.5,
    ]);
  });

  it('measures a rise against the lowest value of its span and forgets what is older', () => {
    const rule = aRule({ condition: 'rises_by', threshold: 5, perSeconds: 60 });
    expect(turns(run(rule, points([0, 20], [30, 18], [60, 23], [91, 23])))).toEqual(['+60', '-91']);
    expect(turns(run(rule, points([0, 20], [61, 25])))).toEqual([]);
  });

  it('measures a fall against the highest value of its span', () => {
    const rule = aRule({ condition: 'falls_by', threshold: 5, perSeconds: 60 });
    expect(turns(run(rule, points([0, 20], [10, 24], [20, 19], [71, 19])))).toEqual(['+20', '-71']);
  });

  it('reports the worst value since it was raised', () => {
    const effects = run(aRule({}), points([0, 31], [1, 35], [2, 33], [3, 36], [4, 20]));
    expect(effects.filter(({ kind }) => kind === 'peak')).toEqual([
      { kind: 'peak', value: 35 },
      { kind: 'peak', value: 36 },
    ]);
  });
});

describe('time', () => {
  it('waits until the condition has held for its time, and starts again when it is interrupted', () => {
    const rule = aRule({ forSeconds: 10 });
    expect(turns(run(rule, points([0, 31], [9, 31], [10, 31])))).toEqual(['+10']);
    expect(turns(run(rule, points([0, 31], [9, 29], [10, 31], [19, 31], [20, 31])))).toEqual(['+20']);
  });

  it('tells when the condition began, not when it had lasted long enough', () => {
    expect(run(aRule({ forSeconds: 10 }), points([5, 31], [15, 32]))).toEqual([
      { kind: 'raise', sinceMicros: START + 5 * SECOND, atMicros: START + 15 * SECOND, value: 32 },
    ]);
  });

  it('stays quiet during the cooldown and speaks after it if the condition still holds', () => {
    const rule = aRule({ cooldownSeconds: 60 });
    expect(turns(run(rule, points([0, 31], [10, 20], [20, 31], [69, 31], [70, 31])))).toEqual(['+0', '-10', '+70']);
  });

  it('is not blinded by one point from a clock that ran ahead', () => {
    const ahead = { atMicros: START + 7200 * SECOND, value: 20, receivedMicros: START };
    expect(turns(run(aRule({}), [ahead, ...points([1, 31], [2, 20])]))).toEqual(['+1', '-2']);
  });

  it('still treats late points as late when a device is constantly ahead', () => {
    const ahead = ([second, value]: [number, number]): Observation => ({
      atMicros: START + (second + 3600) * SECOND,
      value,
      receivedMicros: START + second * SECOND,
    });
    const stream = (
      [
        [100, 20],
        [50, 31],
        [101, 20],
      ] as [number, number][]
    ).map(ahead);
    expect(turns(run(aRule({}), stream))).toEqual([]);
  });
});

const condition = fc.constantFrom<ValueRule['condition']>('gt', 'gte', 'lt', 'lte', 'eq', 'ne', 'rises_by', 'falls_by');
const anyRule = fc
  .record({
    condition,
    threshold: fc.integer({ min: 1, max: 8 }),
    perSeconds: fc.integer({ min: 1, max: 30 }),
    band: fc.option(fc.integer({ min: 0, max: 4 }), { nil: null }),
    forSeconds: fc.constantFrom(0, 0, 3, 10),
    cooldownSeconds: fc.constantFrom(0, 0, 5, 20),
  })
  .map(({ band, ...fields }): ValueRule => {
    const isAbove = fields.condition === 'gt' || fields.condition === 'gte';
    const isBelow = fields.condition === 'lt' || fields.condition === 'lte';
    const clearThreshold =
      band === null || !(isAbove || isBelow) ? null : isAbove ? fields.threshold - band : fields.threshold + band;
    return { ...fields, clearThreshold };
  });
const orderedStream = fc
  .array(fc.tuple(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 0, max: 10 })), { maxLength: 200 })
  .map((steps) => {
    let second = 0;
    return points(
      ...steps.map(([gap, value]): [number, number] => {
        second += gap;
        return [second, value];
      }),
    );
  });

describe('guarantees, for any rule and any stream', () => {
  it('a restart between any two points changes nothing', () => {
    fc.assert(
      fc.property(anyRule, orderedStream, fc.array(fc.nat(200), { maxLength: 5 }), (rule, stream, restarts) => {
        let state = newRuleState();
        const effects = stream.flatMap((point, index) => {
          if (restarts.includes(index)) state = parseState(serialiseState(state));
          return [...step(rule, state, point)];
        });
        expect(effects).toEqual(run(rule, stream));
      }),
    );
  });

  it('late points in any order raise nothing and change nothing', () => {
    fc.assert(
      fc.property(
        anyRule,
        orderedStream,
        fc.array(fc.tuple(fc.double({ min: 0, max: 1, noNaN: true }), fc.integer({ min: 0, max: 10 }), fc.nat(200))),
        (rule, stream, late) => {
          const withLate = stream.flatMap((point, index) => [
            point,
            ...late
              .filter(([, , place]) => place === index)
              .map(([age, value]) => ({
                ...point,
                atMicros: START + Math.floor((point.atMicros - START) * age),
                value,
              })),
          ]);
          expect(run(rule, withLate)).toEqual(run(rule, stream));
        },
      ),
    );
  });

  it('raises and clears take turns', () => {
    fc.assert(
      fc.property(anyRule, orderedStream, (rule, stream) => {
        const kinds = run(rule, stream)
          .map(({ kind }) => kind)
          .filter((kind) => kind !== 'peak');
        kinds.forEach((kind, index) => {
          expect(kind).toBe(index % 2 === 0 ? 'raise' : 'clear');
        });
      }),
    );
  });

  it('never flaps while the value stays within the hysteresis band', () => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: 25.001, max: 30, noNaN: true }), { maxLength: 100 }), (values) => {
        const stream = points([0, 31], ...values.map((value, index): [number, number] => [index + 1, value]));
        expect(turns(run(aRule({ threshold: 30, clearThreshold: 25 }), stream))).toEqual(['+0']);
      }),
    );
  });

  it('finds a change exactly when a plain search over all points of the span does', () => {
    fc.assert(
      fc.property(orderedStream, fc.integer({ min: 1, max: 8 }), fc.integer({ min: 1, max: 30 }), (stream, by, per) => {
        const rule = aRule({ condition: 'rises_by', threshold: by, perSeconds: per });
        const state = newRuleState();
        stream.forEach((point, index) => {
          step(rule, state, point);
          const span = stream.slice(0, index + 1).filter(({ atMicros }) => atMicros >= point.atMicros - per * SECOND);
          const rise = point.value - Math.min(...span.map(({ value }) => value));
          expect(state.phase === 'raised').toBe(rise >= by);
        });
      }),
    );
  });
});

describe('bounded memory', () => {
  it('keeps at most 1,000 points of a span, and thinning costs at most 1/500 of the span', () => {
    const rule = aRule({ condition: 'rises_by', threshold: 9_900, perSeconds: 10_000 });
    const state = newRuleState();
    let firstRaised: number | undefined;
    for (let second = 0; second < 30_000; second += 1) {
      const [point] = points([second, second]);
      if (point === undefined) continue;
      if (step(rule, state, point).some(({ kind }) => kind === 'raise')) firstRaised ??= second;
      expect(state.window.times.length).toBeLessThanOrEqual(1_000);
    }
    expect(firstRaised).toBe(9_900);
    expect(serialiseState(state).length).toBeLessThan(65_536);
    // Later the start of the span falls between two kept points: up to 20 s (1/500 of 10,000 s) are not seen.
    expect(state.phase).toBe('raised');
  });
});
