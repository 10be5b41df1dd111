import { type Counting, countingOf, type Led } from './counting.ts';
import { keptStates } from './kept-states.ts';
import type { Scenario } from './scenario.ts';
import { type FieldOf, fieldOf, matcherOf, type SeenEvent } from './seen-event.ts';

/** A scenario has seen all it needs. */
export interface Conclusion extends Led {
  readonly scenario: Scenario;
  readonly subject: string;
  readonly organisationId: number | null;
  readonly lastAt: number;
}

export interface Engine {
  /** Whether anything looks at events of this name; others need not be read. */
  readonly actions: readonly string[];
  see(event: SeenEvent): readonly Conclusion[];
  /** It was raised (here before a restart, or by another server): silent about this subject until then. */
  suppress(scenarioId: string, subject: string, organisationId: number | null, until: number): void;
  /** Subjects remembered, of all scenarios together. */
  readonly size: number;
}

/** Subjects of one scenario. Those nobody sees any more make room first. */
const MOST_SUBJECTS = 10_000;
const NONE: readonly Conclusion[] = [];

interface State {
  counting: Counting | undefined;
  silentUntil: number;
}

interface Looking {
  readonly scenario: Scenario;
  readonly step: number;
  readonly matches: (event: SeenEvent) => boolean;
  readonly groupBy: readonly FieldOf[];
  readonly subjectOf: FieldOf;
  readonly begin: () => Counting;
  readonly states: ReturnType<typeof keptStates<State>>;
  /** By subject, since other groups of the same subject are silent too. */
  readonly silent: ReturnType<typeof keptStates<State>>;
}

const subjectFields: Record<Scenario['subject'], string> = {
  ip: 'address',
  user: 'user',
  device: 'device',
  organisation: 'organisation',
  instance: 'instance',
};

/**
 * Looks at events one after the other and says what they amount to. Nothing else comes in: time is that of the events, so the same events
 * always lead to the same conclusions, today and when they are read again after a restart.
 */
export function createEngine(scenarios: readonly Scenario[], { mostSubjects = MOST_SUBJECTS } = {}): Engine {
  const byAction = new Map<string, Looking[]>();
  const all = new Map<string, Looking>();

  for (const scenario of scenarios) {
    const shared = {
      scenario,
      subjectOf: fieldOf(subjectFields[scenario.subject]),
      begin: countingOf(scenario.rule),
      states: keptStates<State>(mostSubjects),
      silent: keptStates<State>(mostSubjects),
    };
    const { rule } = scenario;
    const steps =
      rule.type === 'sequence'
        ? rule.steps.map(({ match, by }) => ({ match, groupBy: [by] }))
        : [{ match: rule.match, groupBy: scenario.groupBy ?? [] }];
    // The last step first: what ends a sequence does not begin the next one by the same event.
    for (const [step, { match, groupBy }] of [...steps.entries()].reverse()) {
      const looking: Looking = { ...shared, step, matches: matcherOf(match), groupBy: groupBy.map(fieldOf) };
      all.set(scenario.id, looking);
      for (const action of match.actions) byAction.set(action, [...(byAction.get(action) ?? []), looking]);
    }
  }

  function lookAt(looking: Looking, event: SeenEvent): Conclusion | undefined {
    if (!looking.matches(event)) return undefined;
    const key = keyOf(looking, event);
    if (key === undefined) return undefined;
    const state = looking.states.of(key, fresh);
    if (event.at < state.silentUntil) return undefined;
    state.counting ??= looking.begin();
    const led = state.counting(event, looking.step);
    if (led === undefined) return undefined;
    const value = looking.subjectOf(event);
    if (value === null || value === undefined) return undefined;
    const subject = String(value);
    const { scenario } = looking;
    state.counting = undefined;
    state.silentUntil = event.at + scenario.cooldownSeconds * 1_000;
    const organisationId = scenario.subject === 'ip' || scenario.subject === 'instance' ? null : event.organisationId;
    const silent = looking.silent.of(silentKey(organisationId, subject), fresh);
    if (event.at < silent.silentUntil) return undefined;
    silent.silentUntil = state.silentUntil;
    return { ...led, scenario, subject, organisationId, lastAt: event.at };
  }

  return {
    actions: [...byAction.keys()],
    see(event) {
      const looking = byAction.get(event.action);
      if (!looking) return NONE;
      let conclusions: Conclusion[] | undefined;
      for (const each of looking) {
        const conclusion = lookAt(each, event);
        if (conclusion) {
          conclusions ??= [];
          conclusions.push(conclusion);
        }
      }
      return conclusions ?? NONE;
    },
    suppress(scenarioId, subject, organisationId, until) {
      const silent = all.get(scenarioId)?.silent.of(silentKey(organisationId, subject), fresh);
      if (silent) silent.silentUntil = Math.max(silent.silentUntil, until);
    },
    get size() {
      let size = 0;
      for (const { states, silent } of all.values()) size += states.size + silent.size;
      return size;
    },
  };
}

const fresh = (): State => ({ counting: undefined, silentUntil: Number.NEGATIVE_INFINITY });

const silentKey = (organisationId: number | null, subject: string): string => `${organisationId ?? ''} ${subject}`;

/** Undefined when the event lacks what it would be counted by. Prefixed by the organisation, whose people and devices are nobody else's. */
function keyOf({ groupBy, scenario }: Looking, event: SeenEvent): string | undefined {
  let key = scenario.subject === 'ip' || scenario.subject === 'instance' ? '' : `${event.organisationId ?? ''}`;
  for (const read of groupBy) {
    const value = read(event);
    if (value === null || value === undefined) return undefined;
    key += `\n${String(value).slice(0, 200)}`;
  }
  return key;
}
