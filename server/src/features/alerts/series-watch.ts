import type { SeriesKey } from '../telemetry/committed.ts';
import type { Rule } from './rule.ts';
import type { Observation } from './rule-evaluation.ts';
import type { RuleState } from './rule-state.ts';

/** One rule on one series, with where its evaluation stands. */
export interface RuleWatch {
  readonly rule: Rule;
  /** Undefined until it is needed. */
  state: RuleState | undefined;
  /** Of the row the state was read from or last written to; 0: there is none yet. */
  version: number;
  /** The alert that is open by this rule. */
  alertId: string | null;
}

export interface SilenceWatch {
  readonly rule: Rule;
  /** What the database knows at least: a reception soon after need not be written. Milliseconds. */
  notedMs: number;
}

/** Everything that is to happen with the points of one series. */
export interface SeriesWatch {
  readonly organisationId: number;
  readonly deviceId: string;
  /** As the last point had it: a series may be marked at any time. */
  isHealth: boolean;
  readonly values: readonly RuleWatch[];
  readonly silences: readonly SilenceWatch[];
  /** Points of the transaction under way. */
  inbox: Observation[];
  lastReceivedMs: number;
}

/** The rules of one organisation, and which of its series they concern. */
export interface OrganisationRules {
  readonly revision: number;
  readonly byMetric: ReadonlyMap<string, readonly Rule[]>;
  /** By series id; null: no rule concerns it, which is remembered too. */
  readonly watches: Map<number, SeriesWatch | null>;
  readonly seriesOfDevice: Map<string, number[]>;
}

export function organisationRules(revision: number, rules: readonly Rule[]): OrganisationRules {
  return {
    revision,
    byMetric: Map.groupBy(rules, (rule) => rule.metric),
    watches: new Map(),
    seriesOfDevice: new Map(),
  };
}

/** `deviceType` undefined: the device is gone, so nothing may be written about it. */
export function addWatch(rules: OrganisationRules, series: SeriesKey, deviceType: string | undefined): void {
  const ofMetric = deviceType === undefined ? [] : (rules.byMetric.get(series.metric) ?? []);
  const applying = ofMetric.filter(
    (rule) =>
      rule.deviceId === series.deviceId ||
      (rule.deviceId === null && (rule.deviceType === null || rule.deviceType === deviceType)),
  );
  const isSilence = (rule: Rule): boolean => rule.condition === 'no_data';
  const watch: SeriesWatch | null =
    applying.length === 0
      ? null
      : {
          organisationId: series.organisationId,
          deviceId: series.deviceId,
          isHealth: series.health,
          values: applying
            .filter((rule) => !isSilence(rule))
            .map((rule) => ({ rule, state: undefined, version: 0, alertId: null })),
          silences: applying.filter(isSilence).map((rule) => ({ rule, notedMs: 0 })),
          inbox: [],
          lastReceivedMs: 0,
        };
  rules.watches.set(series.id, watch);
  const known = rules.seriesOfDevice.get(series.deviceId);
  if (known === undefined) rules.seriesOfDevice.set(series.deviceId, [series.id]);
  else known.push(series.id);
}

export function forgetDevice(rules: OrganisationRules, deviceId: string): void {
  for (const seriesId of rules.seriesOfDevice.get(deviceId) ?? []) rules.watches.delete(seriesId);
  rules.seriesOfDevice.delete(deviceId);
}
