import { Skeleton } from '@mantine/core';
import type { Alert } from '@valtronics/contract';
import { useMemo, useState } from 'react';
import { useSeries } from '../../live/use-series.ts';
import { TimeChart } from '../../ui/charts/time-chart.tsx';

const shortestMarginMs = 900_000;
const longestMs = 7 * 86_400_000;

/** The curve around the alert: as much before and after as it lasted, at least a quarter of an hour. */
export function AlertChart({ alert, metric }: { alert: Alert; metric: string }) {
  const [now] = useState(Date.now);
  const start = Date.parse(alert.startedAt);
  const end = alert.resolvedAt ? Date.parse(alert.resolvedAt) : now;
  const margin = Math.min(longestMs / 3, Math.max(shortestMarginMs, end - start));
  const from = Math.max(start - margin, end - longestMs);
  const to = Math.min(now, end + margin);
  const { curve, data, isPending } = useSeries({
    deviceId: alert.deviceId,
    metric,
    from,
    to,
    isLive: !alert.resolvedAt,
  });
  const curves = useMemo(
    () => [{ ...curve, label: metric, unit: data?.unit ?? null, colour: 1 }],
    [curve, metric, data],
  );
  if (isPending) return <Skeleton height={160} />;
  if (curve.values.length === 0) return null;
  return (
    <TimeChart
      label={`${metric} of ${alert.deviceName} around the alert`}
      curves={curves}
      from={from}
      to={to}
      height={140}
      sync={alert.id}
      spans={[{ severity: alert.severity, from: start, to: end }]}
      thresholds={alert.threshold === null ? [] : [{ severity: alert.severity, value: alert.threshold }]}
    />
  );
}
