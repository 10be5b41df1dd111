import { type AlertRule, type AlertRuleInput, type Condition, ruleFaults, type Severity } from '@valtronics/contract';
import type { FieldErrors } from '../../ui/forms/use-contract-form.ts';
import { isChange, isComparison } from './rule-sentence.ts';

export type Scope = 'fleet' | 'type' | 'device';

/** What the editor holds: numbers may be half typed, and every scope and condition keeps what was entered for it. */
export interface RuleValues extends Record<string, unknown> {
  name: string;
  scope: Scope;
  deviceType: string | null;
  deviceId: string | null;
  deviceName: string | undefined;
  metric: string;
  condition: Condition;
  threshold: number | string;
  perSeconds: number | string;
  clearThreshold: number | string;
  forSeconds: number | string;
  severity: Severity;
  cooldownSeconds: number | string;
  enabled: boolean;
}

export const newRule: RuleValues = {
  name: '',
  scope: 'fleet',
  deviceType: null,
  deviceId: null,
  deviceName: undefined,
  metric: '',
  condition: 'gt',
  threshold: '',
  perSeconds: 300,
  clearThreshold: '',
  forSeconds: 0,
  severity: 'warning',
  cooldownSeconds: 0,
  enabled: true,
};

export const valuesOf = (rule: AlertRule): RuleValues => ({
  ...newRule,
  name: rule.name,
  scope: rule.deviceId ? 'device' : rule.deviceType ? 'type' : 'fleet',
  deviceType: rule.deviceType,
  deviceId: rule.deviceId,
  metric: rule.metric,
  condition: rule.condition,
  threshold: rule.threshold ?? '',
  perSeconds: rule.perSeconds ?? newRule.perSeconds,
  clearThreshold: rule.clearThreshold ?? '',
  forSeconds: rule.forSeconds,
  severity: rule.severity,
  cooldownSeconds: rule.cooldownSeconds,
  enabled: rule.enabled,
});

const number = (value: number | string): number | null => (typeof value === 'number' ? value : null);

/** The rule as the API takes it: only what its condition uses. */
export function ruleOf(values: RuleValues): AlertRuleInput {
  const { condition } = values;
  return {
    name: values.name.trim(),
    deviceId: values.scope === 'device' ? values.deviceId : null,
    deviceType: values.scope === 'type' ? values.deviceType : null,
    metric: values.metric.trim(),
    condition,
    threshold: condition === 'no_data' ? null : number(values.threshold),
    perSeconds: isChange(condition) ? number(values.perSeconds) : null,
    clearThreshold: isComparison(condition) ? number(values.clearThreshold) : null,
    forSeconds: number(values.forSeconds) ?? 0,
    severity: values.severity,
    cooldownSeconds: number(values.cooldownSeconds) ?? 0,
    enabled: values.enabled,
  };
}

/** What the form itself has to say before the contract does: a scope that names nothing would mean the whole fleet. */
export function scopeFault({ scope, deviceType, deviceId }: RuleValues): FieldErrors {
  if (scope === 'device' && !deviceId) return { deviceId: 'Choose the device' };
  if (scope === 'type' && !deviceType) return { deviceType: 'Choose the type' };
  return {};
}

/** Sound enough for a dry run: everything but the name. */
export const canPreview = (values: RuleValues): boolean =>
  /^[A-Za-z0-9_.-]{1,64}$/.test(values.metric.trim()) &&
  Object.keys(scopeFault(values)).length === 0 &&
  ruleFaults(ruleOf(values)).length === 0;
