import { ERASED, type Unopened } from '../../security/keys/person-values.ts';
import { type ChangeWindow, emptyWindow } from './change-window.ts';

/** Where the evaluation of one rule on one device stands. Times are event times in microseconds. */
export interface RuleState {
  /** The newest point seen; what is not newer is late. */
  watermark: number | null;
  phase: 'clear' | 'pending' | 'raised';
  /** When the condition began to hold; null while clear. */
  since: number | null;
  /** The worst value since it was raised. */
  peak: number | null;
  /** When it last cleared, for the cooldown. */
  clearedAt: number | null;
  window: ChangeWindow;
}

export const newRuleState = (): RuleState => ({
  watermark: null,
  phase: 'clear',
  since: null,
  peak: null,
  clearedAt: null,
  window: emptyWindow(),
});

/**
 * Where what was remembered does not open the rule begins anew. An alert it has raised is still its own, and ends once the condition no longer holds;
 * that of somebody erased was ended with them.
 */
export const forgottenState = (why: Unopened, alertId: string | null): RuleState =>
  alertId === null || why === ERASED ? newRuleState() : { ...newRuleState(), phase: 'raised' };

const PHASES = ['clear', 'pending', 'raised'] as const;

/** A list instead of an object: it is written for every device and rule with every flush. */
export function serialiseState(state: RuleState): string {
  const { watermark, phase, since, peak, clearedAt, window } = state;
  return JSON.stringify([1, watermark, PHASES.indexOf(phase), since, peak, clearedAt, window.times, window.values]);
}

export function parseState(text: string): RuleState {
  const parts: unknown = JSON.parse(text);
  if (!Array.isArray(parts) || parts.length !== 8 || parts[0] !== 1) throw new Error('an alert state of unknown shape');
  const [, watermark, phaseIndex, since, peak, clearedAt, times, values] = parts as unknown[];
  const phase = PHASES[Number(phaseIndex)];
  if (phase === undefined) throw new Error('an alert state of unknown phase');
  return {
    watermark: numberOrNull(watermark),
    phase,
    since: numberOrNull(since),
    peak: numberOrNull(peak),
    clearedAt: numberOrNull(clearedAt),
    window: { times: numbers(times), values: numbers(values) },
  };
}

function numberOrNull(value: unknown): number | null {
  if (value === null || typeof value === 'number') return value;
  throw new Error('an alert state holds something that is not a number');
}

function numbers(value: unknown): number[] {
  if (!Array.isArray(value) || !value.every((item) => typeof item === 'number'))
    throw new Error('an alert state holds something that is not a list of numbers');
  return value;
}
