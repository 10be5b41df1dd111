import type { AlertRule, Condition } from '@valtronics/contract';
import { formatNumber, humanName } from '../../ui/format-value.ts';
import { duration } from '../../ui/time/format-time.ts';

export const conditionWords: Readonly<Record<Condition, string>> = {
  gt: 'is above',
  gte: 'is at least',
  lt: 'is below',
  lte: 'is at most',
  eq: 'equals',
  ne: 'is not',
  rises_by: 'rises by',
  falls_by: 'falls by',
  no_data: 'is silent',
};

export const isChange = (condition: Condition) => condition === 'rises_by' || condition === 'falls_by';
export const isComparison = (condition: Condition) => ['gt', 'gte', 'lt', 'lte'].includes(condition);

type Said = Pick<
  AlertRule,
  'metric' | 'deviceId' | 'deviceType' | 'condition' | 'threshold' | 'perSeconds' | 'clearThreshold' | 'forSeconds'
>;

/** `temperature on every Freezer is above −15 for 5 min; clears at −16`: a rule as one would say it. */
export function ruleSentence(rule: Said, deviceName?: string): string {
  const where = rule.deviceId
    ? (deviceName ?? 'one device')
    : rule.deviceType
      ? `every ${humanName(rule.deviceType).toLowerCase()} device`
      : 'the whole fleet';
  const lasting = rule.forSeconds > 0 ? ` for ${duration(rule.forSeconds)}` : '';
  const threshold = rule.threshold === null ? ' …' : ` ${formatNumber(rule.threshold)}`;
  const span = isChange(rule.condition) && rule.perSeconds ? ` within ${duration(rule.perSeconds)}` : '';
  const clears = rule.clearThreshold === null ? '' : `; clears at ${formatNumber(rule.clearThreshold)}`;
  const amount = rule.condition === 'no_data' ? '' : threshold;
  return `${rule.metric} on ${where} ${conditionWords[rule.condition]}${amount}${span}${lasting}${clears}`;
}
