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
  /** Counts an event that was looked at before a restart. What follows from it was raised then or is not due: nobody is silent for it now. */
  replay(event: SeenEvent): void;
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
}
interface Silence {
  until: number;
}

interface Looking {
  readonly scenario: Scenario;
  readonly step: number;
  readonly matches: (event: SeenEvent) => boolean;
  readonly groupBy: readonly FieldOf[];
  readonly subjectOf: FieldOf;
  /** Whom an event is about, if it is counted: the subject; in a sequence what its steps have in common, which only the last calls that. */
  readonly aboutOf: FieldOf;
  readonly begin: () => Counting;
  readonly states: ReturnType<typeof keptStates<State>>;
  /** By subject, since other groups of the same subject are silent too. */
  readonly silent: ReturnType<typeof keptStates<Silence>>;
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
      silent: keptStates<Silence>(mostSubjects),
    };
    const { rule } = scenario;
    const steps =
      rule.type === 'sequence'
        ? rule.steps.map(({ match, by }) => ({ match, groupBy: [by] }))
        : [{ match: rule.match, groupBy: scenario.groupBy ?? [] }];
    // The last step first: what ends a sequence does not begin the next one by the same event.
    for (const [step, { match, groupBy }] of [...steps.entries()].reverse()) {
      const fields = groupBy.map(fieldOf);
      const aboutOf = rule.type === 'sequence' ? (fields[0] ?? shared.subjectOf) : shared.subjectOf;
      const looking: Looking = { ...shared, step, matches: matcherOf(match), groupBy: fields, aboutOf };
      all.set(scenario.id, looking);
      for (const action of match.actions) byAction.set(action, [...(byAction.get(action) ?? []), looking]);
    }
  }

  function lookAt(looking: Looking, event: SeenEvent, isReplayed: boolean): Conclusion | undefined {
    if (!looking.matches(event)) return undefined;
    const key = keyOf(looking, event);
    if (key === undefined) return undefined;
    const { scenario, silent } = looking;
    const organisationId = scenario.subject === 'ip' || scenario.subject === 'instance' ? null : event.organisationId;
    // What happens while a scenario is silent about somebody is no part of the next count. It is over before the count begins, since no
    // scenario remembers longer than it is silent.
    const about = looking.aboutOf(event);
    const silence = silent.find(silentKey(organisationId, String(about)));
    if (silence && event.at < silence.until) return undefined;
    const state = looking.states.of(key, fresh);
    state.counting ??= looking.begin();
    const led = state.counting(event, looking.step);
    if (led === undefined || isReplayed) return undefined;
    const value = looking.subjectOf(event);
    if (value === null || value === undefined) return undefined;
    const subject = String(value);
    state.counting = undefined;
    keepSilent(looking, organisationId, subject, event.at + scenario.cooldownSeconds * 1_000);
    return { ...led, scenario, subject, organisationId, lastAt: event.at };
  }

  function keepSilent({ silent }: Looking, organisationId: number | null, subject: string, until: number): void {
    const silence = silent.of(silentKey(organisationId, subject), () => ({ until }));
    silence.until = Math.max(silence.until, until);
  }

  return {
    actions: [...byAction.keys()],
    see(event) {
      const looking = byAction.get(event.action);
      if (!looking) return NONE;
      let conclusions: Conclusion[] | undefined;
      for (const each of looking) {
        const conclusion = lookAt(each, event, false);
        if (conclusion) {
          conclusions ??= [];
          conclusions.push(conclusion);
        }
      }
      return conclusions ?? NONE;
    },
    replay(event) {
      for (const each of byAction.get(event.action) ?? []) lookAt(each, event, true);
    },
    suppress(scenarioId, subject, organisationId, until) {
      const looking = all.get(scenarioId);
      if (looking) keepSilent(looking, organisationId, subject, until);
    },
    get size() {
      let size = 0;
      for (const { states, silent } of all.values()) size += states.size + silent.size;
      return size;
    },
  };
}

const fresh = (): State => ({ counting: undefined });

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
