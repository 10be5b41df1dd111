import type { AlertRuleInput, alertRuleDryRun, Value } from '@valtronics/contract';
import type { z } from 'zod';
import type { Clock } from '../../lib/clock.ts';
import { invalidField, Problem } from '../../lib/problem.ts';
import type { Reader } from '../../security/audit/tokens.ts';
import { devicesConcerned } from './alert-rule.repository.ts';
import { type RuleFields, ruleFields } from './rule.ts';
import { type Effect, observedValue, step } from './rule-evaluation.ts';
import { newRuleState } from './rule-state.ts';

/** What telemetry gives: the points of a series, oldest first, page by page. `to` is not included. */
export interface RecordedHistory {
  points(
    who: DryRunReader,
    deviceId: string,
    metric: string,
    from: Date,
    to: Date,
  ): AsyncIterable<readonly { readonly atMicros: number; readonly value: Value }[]>;
}

export type DryRunResult = z.infer<typeof alertRuleDryRun.response>;
type Firing = DryRunResult['firings'][number];

export interface DryRunLimits {
  readonly days: number;
  readonly devices: number;
  readonly points: number;
  readonly firings: number;
  readonly milliseconds: number;
  readonly atOnce: number;
}
export const dryRunLimits: DryRunLimits = {
  days: 30,
  devices: 50,
  points: 2_000_000,
  firings: 1000,
  milliseconds: 20_000,
  // Each holds a connection and a processor; more at once would be felt by those who only want to look.
  atOnce: 2,
};

const DAY_MS = 86_400_000;

export interface DryRunRequest {
  readonly rule: AlertRuleInput;
  readonly from: string;
  readonly to: string;
}
/** Where it is read, and whether for somebody who may see values of class health. */
export interface DryRunReader {
  readonly reader: Reader;
  readonly seesHealth: boolean;
}
export type DryRun = (who: DryRunReader, request: DryRunRequest) => Promise<DryRunResult>;

export interface DryRunOptions {
  readonly history: RecordedHistory;
  readonly clock: Clock;
  readonly limits?: DryRunLimits;
}

/** How often a rule would have fired, by the very evaluation that runs live, over raw points. What was not looked at is said. */
export function createDryRun({ history, clock, limits = dryRunLimits }: DryRunOptions): DryRun {
  let running = 0;

  async function evaluate(who: DryRunReader, rule: RuleFields, from: Date, to: Date): Promise<DryRunResult> {
    const devices = await devicesConcerned(who.reader, rule, limits.devices);
    const total = devices[0]?.total ?? 0;
    const result: DryRunResult = {
      devices: total,
      evaluatedDevices: 0,
      evaluatedPoints: 0,
      truncated: total > devices.length,
      firings: [],
    };
    const until = clock.now() + limits.milliseconds;
    for (const device of devices) {
      const room = (): boolean =>
        result.evaluatedPoints < limits.points && result.firings.length < limits.firings && clock.now() < until;
      if (!room()) {
        result.truncated = true;
        break;
      }
      const recorder = rule.condition === 'no_data' ? recordGaps(rule, from) : recordEffects(rule);
      let isWhole = true;
      for await (const points of history.points(who, device.id, rule.metric, from, to)) {
        for (const { atMicros, value } of points) recorder.see(atMicros, value);
        result.evaluatedPoints += points.length;
        isWhole = room();
        if (!isWhole) break;
      }
      result.evaluatedDevices += 1;
      if (!isWhole) result.truncated = true;
      // Beyond where reading stopped nothing is known, so a silence is only told of a series that was read to its end.
      const end = isWhole ? Math.min(to.getTime(), clock.now()) * 1000 : undefined;
      result.firings.push(...recorder.end(end).map((span) => present(device, span)));
    }
    if (result.firings.length > limits.firings) result.truncated = true;
    result.firings.sort((a, b) => a.from.localeCompare(b.from));
    result.firings.splice(limits.firings);
    return result;
  }

  return async (who, request) => {
    const from = new Date(request.from);
    const to = new Date(request.to);
    if (to <= from) throw invalidField('to', 'lies after from');
    if (to.getTime() - from.getTime() > limits.days * DAY_MS) throw invalidField('from', `at most ${limits.days} days`);
    if (running >= limits.atOnce)
      throw new Problem('overloaded', { detail: 'Other dry runs are under way.', retryAfterSeconds: 5 });
    running += 1;
    try {
      return await evaluate(who, ruleFields(request.rule), from, to);
    } finally {
      running -= 1;
    }
  };
}

interface Span {
  readonly fromMicros: number;
  toMicros: number | null;
  peak: number | null;
}

interface Recorder {
  see(atMicros: number, value: Value): void;
  /** `endMicros`: the series was read to its end, which is this time. */
  end(endMicros: number | undefined): readonly Span[];
}

function recordEffects(rule: RuleFields): Recorder {
  const state = newRuleState();
  const spans: Span[] = [];
  const note = (effect: Effect): void => {
    const open = spans.at(-1);
    if (effect.kind === 'raise') spans.push({ fromMicros: effect.sinceMicros, toMicros: null, peak: effect.value });
    else if (open && effect.kind === 'peak') open.peak = effect.value;
    else if (open && effect.kind === 'clear') open.toMicros = effect.atMicros;
  };
  return {
    see(atMicros, value) {
      const observed = observedValue(value);
      if (observed === undefined) return;
      for (const effect of step(rule, state, { atMicros, value: observed, receivedMicros: atMicros })) note(effect);
    },
    end: () => spans,
  };
}

/** When points were received is not recorded; the devices' own times stand in for it. */
function recordGaps(rule: RuleFields, from: Date): Recorder {
  const longest = rule.forSeconds * 1_000_000;
  const spans: Span[] = [];
  let last: number | undefined;
  const gap = (untilMicros: number, isOver: boolean): void => {
    const since = last ?? from.getTime() * 1000;
    const silentFrom = since + longest;
    if (silentFrom > untilMicros) return;
    const cleared = spans.at(-1)?.toMicros ?? null;
    if (cleared !== null && silentFrom - cleared < rule.cooldownSeconds * 1_000_000) return;
    spans.push({ fromMicros: silentFrom, toMicros: isOver ? untilMicros : null, peak: null });
  };
  return {
    see(atMicros) {
      if (last !== undefined) gap(atMicros, true);
      last = atMicros;
    },
    end(endMicros) {
      if (endMicros !== undefined) gap(endMicros, false);
      return spans;
    },
  };
}

function present(device: { id: string; name: string }, span: Span): Firing {
  const text = (micros: number): string => new Date(Math.floor(micros / 1000)).toISOString();
  return {
    deviceId: device.id,
    deviceName: device.name,
    from: text(span.fromMicros),
    to: span.toMicros === null ? null : text(span.toMicros),
    peak: span.peak,
  };
}
