import type { AlertRuleInput, Condition, Severity } from '@valtronics/contract';

/** A rule as it is evaluated. */
export interface Rule {
  readonly id: string;
  readonly organisationId: number;
  readonly revision: number;
  readonly name: string;
  readonly deviceId: string | null;
  readonly deviceType: string | null;
  readonly metric: string;
  readonly condition: Condition;
  readonly threshold: number | null;
  readonly perSeconds: number | null;
  readonly clearThreshold: number | null;
  readonly forSeconds: number;
  readonly severity: Severity;
  readonly cooldownSeconds: number;
}

/** What a rule is without its name and place: filled in, so that evaluation never meets an absent value. */
export type RuleFields = Omit<Rule, 'id' | 'organisationId' | 'revision'> & { readonly enabled: boolean };

export function ruleFields(input: AlertRuleInput): RuleFields {
  return {
    name: input.name,
    deviceId: input.deviceId ?? null,
    deviceType: input.deviceType ?? null,
    metric: input.metric,
    condition: input.condition,
    threshold: input.condition === 'no_data' ? null : (input.threshold ?? null),
    perSeconds: isChange(input.condition) ? (input.perSeconds ?? null) : null,
    clearThreshold: input.condition === 'no_data' ? null : (input.clearThreshold ?? null),
    forSeconds: input.forSeconds ?? 0,
    severity: input.severity,
    cooldownSeconds: input.cooldownSeconds ?? 0,
    enabled: input.enabled ?? true,
  };
}

export const isChange = (condition: Condition): boolean => condition === 'rises_by' || condition === 'falls_by';

const COMPARISONS: Readonly<Record<Condition, string>> = {
  gt: 'above',
  gte: 'at or above',
  lt: 'below',
  lte: 'at or below',
  eq: 'equal to',
  ne: 'other than',
  rises_by: 'risen by',
  falls_by: 'fallen by',
  no_data: 'silent',
};

/** What the rule says, as a sentence for people: `temperature above 8 for 60 s`. */
export function ruleSentence(
  rule: Pick<Rule, 'metric' | 'condition' | 'threshold' | 'perSeconds' | 'forSeconds'>,
): string {
  if (rule.condition === 'no_data') return `no ${rule.metric} for ${rule.forSeconds} s`;
  const span = isChange(rule.condition) ? ` within ${rule.perSeconds ?? 0} s` : '';
  const duration = rule.forSeconds > 0 ? ` for ${rule.forSeconds} s` : '';
  return `${rule.metric} ${COMPARISONS[rule.condition]} ${formatValue(rule.threshold)}${span}${duration}`;
}

/** Enough digits to tell values apart, few enough to read. */
export function formatValue(value: number | null): string {
  return value === null ? '–' : String(Number(value.toPrecision(7)));
}
