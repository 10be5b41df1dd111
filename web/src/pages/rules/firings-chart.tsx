import { Skeleton, Text } from '@mantine/core';
import type { AlertRuleInput, alertRuleDryRun } from '@valtronics/contract';
import { useMemo } from 'react';
import type { ResultOf } from '../../api/call.ts';
import { useSeries } from '../../live/use-series.ts';
import { TimeChart } from '../../ui/charts/time-chart.tsx';
import { isChange } from './rule-sentence.ts';

interface Props {
  deviceId: string;
  deviceName: string;
  rule: AlertRuleInput;
  range: { from: number; to: number };
  firings: ResultOf<typeof alertRuleDryRun>['firings'];
}

/** What one device recorded, with the times at which the rule would have fired. */
export function FiringsChart({ deviceId, deviceName, rule, range, firings }: Props) {
  const { curve, data, isPending } = useSeries({ deviceId, metric: rule.metric, ...range, isLive: false });
  const label = `${deviceName}, ${rule.metric}`;
  const curves = useMemo(() => [{ ...curve, label, unit: data?.unit ?? null, colour: 1 }], [curve, label, data]);
  if (isPending) return <Skeleton height={200} />;
  if (curve.values.length === 0)
    return (
      <Text size="sm" c="dimmed">
        Nothing was recorded for {label} in this time.
      </Text>
    );
  const { threshold, clearThreshold, severity } = rule;
  const levels = isChange(rule.condition)
    ? []
    : [threshold, clearThreshold].filter((level) => typeof level === 'number');
  return (
    <TimeChart
      label={`${label} over the last 7 days; the rule would have fired ${firings.length} times`}
      curves={curves}
      from={range.from}
      to={range.to}
      height={180}
      sync="preview"
      spans={firings.map(({ from, to }) => ({ severity, from: Date.parse(from), to: to ? Date.parse(to) : range.to }))}
      thresholds={levels.map((value) => ({ value, severity }))}
    />
  );
}
