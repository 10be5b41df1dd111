import type { Value } from '@valtronics/contract';
import { change, emptyWindow } from './change-window.ts';
import type { Rule } from './rule.ts';
import type { RuleState } from './rule-state.ts';

/** A point as a rule sees it. */
export interface Observation {
  /** Event time, microseconds. */
  readonly atMicros: number;
  readonly value: number;
  /** When it was stored, microseconds of the wall clock. */
  readonly receivedMicros: number;
}

export type Effect =
  | { readonly kind: 'raise'; readonly sinceMicros: number; readonly atMicros: number; readonly value: number }
  | { readonly kind: 'clear'; readonly atMicros: number; readonly value: number }
  | { readonly kind: 'peak'; readonly value: number };

export type ValueRule = Pick<
  Rule,
  'condition' | 'threshold' | 'perSeconds' | 'clearThreshold' | 'forSeconds' | 'cooldownSeconds'
>;

const NO_EFFECTS: readonly Effect[] = Object.freeze([]);
const MICROS = 1_000_000;

// A clock that ran ahead for one point must not make everything after it "late", which would blind the rule for up to a day. When
// the newest point seen lies this far in the future, a point of about now means that the clock was set back.
const AHEAD_MICROS = 15 * 60 * MICROS;

/** Booleans are 0 and 1; no condition compares strings, so rules pass over them (but a string still ends a silence). */
export function observedValue(value: Value): number | undefined {
  if (typeof value === 'number') return value;
  return typeof value === 'boolean' ? Number(value) : undefined;
}

/**
 * One point of one device against one rule, on event time. Changes the state in place (this runs for hundreds of thousands of points
 * a second) and depends on nothing but its arguments, so the same points give the same alerts whether live, in a dry run, or after a
 * crash. A point that is not newer than the newest seen is late: it changes nothing.
 */
export function step(rule: ValueRule, state: RuleState, point: Observation): readonly Effect[] {
  const { atMicros: at, value } = point;
  if (state.watermark !== null && at <= state.watermark) {
    const isClockSetBack =
      state.watermark > point.receivedMicros + AHEAD_MICROS && at <= point.receivedMicros + AHEAD_MICROS;
    if (!isClockSetBack) return NO_EFFECTS;
    startOver(state);
  }
  state.watermark = at;

  const measured = measure(rule, state, at, value);
  if (state.phase === 'raised') {
    if (holds(rule, measured, rule.clearThreshold ?? rule.threshold ?? 0)) return follow(rule, state, value);
    state.phase = 'clear';
    state.since = null;
    state.peak = null;
    state.clearedAt = at;
    return [{ kind: 'clear', atMicros: at, value }];
  }

  if (!holds(rule, measured, rule.threshold ?? 0)) {
    state.phase = 'clear';
    state.since = null;
    return NO_EFFECTS;
  }
  state.since ??= at;
  state.phase = 'pending';
  if (at - state.since < rule.forSeconds * MICROS) return NO_EFFECTS;
  if (state.clearedAt !== null && at - state.clearedAt < rule.cooldownSeconds * MICROS) return NO_EFFECTS;
  state.phase = 'raised';
  state.peak = value;
  return [{ kind: 'raise', sinceMicros: state.since, atMicros: at, value }];
}

/** An open alert stays open (its next point decides); everything that was measured against the wrong clock is forgotten. */
function startOver(state: RuleState): void {
  state.window = emptyWindow();
  state.clearedAt = null;
  if (state.phase === 'pending') {
    state.phase = 'clear';
    state.since = null;
  }
}

/** What is compared with the threshold: the value, or how far it has moved within the span. */
function measure(rule: ValueRule, state: RuleState, at: number, value: number): number {
  if (rule.condition === 'rises_by') return change(state.window, 'lowest', (rule.perSeconds ?? 0) * MICROS, at, value);
  if (rule.condition === 'falls_by') return change(state.window, 'highest', (rule.perSeconds ?? 0) * MICROS, at, value);
  return value;
}

function holds(rule: ValueRule, measured: number, threshold: number): boolean {
  switch (rule.condition) {
    case 'gt':
      return measured > threshold;
    case 'gte':
    case 'rises_by':
    case 'falls_by':
      return measured >= threshold;
    case 'lt':
      return measured < threshold;
    case 'lte':
      return measured <= threshold;
    case 'eq':
      return measured === threshold;
    case 'ne':
      return measured !== threshold;
    case 'no_data':
      return false;
  }
}

function follow(rule: ValueRule, state: RuleState, value: number): readonly Effect[] {
  if (state.peak !== null && !isWorse(rule, value, state.peak)) return NO_EFFECTS;
  state.peak = value;
  return [{ kind: 'peak', value }];
}

function isWorse(rule: ValueRule, value: number, peak: number): boolean {
  switch (rule.condition) {
    case 'gt':
    case 'gte':
    case 'rises_by':
      return value > peak;
    case 'lt':
    case 'lte':
    case 'falls_by':
      return value < peak;
    case 'ne':
      return Math.abs(value - (rule.threshold ?? 0)) > Math.abs(peak - (rule.threshold ?? 0));
    case 'eq':
    case 'no_data':
      return false;
  }
}
