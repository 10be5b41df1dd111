import { Skeleton } from '@mantine/core';
import { type Alert, type AlertRule, type Device, type MetricInfo, telemetrySummary } from '@valtronics/contract';
import { useMemo } from 'react';
import { useMay } from '../../api/session.ts';
import { useEndpoint } from '../../api/use-endpoint.ts';
import { useSeries } from '../../live/use-series.ts';
import { TimeChart } from '../../ui/charts/time-chart.tsx';
import { formatValue, humanName } from '../../ui/format-value.ts';
import { Panel } from '../../ui/page.tsx';
import { ErrorState } from '../../ui/states/states.tsx';
import { duration } from '../../ui/time/format-time.ts';
import { useZoom } from '../../ui/time/use-time-range.ts';
import classes from './device.module.css';
import { HealthMark } from './health-mark.tsx';

export interface MetricParts {
  device: Device;
  metric: MetricInfo;
  bounds: { from: number; to: number; isLive: boolean };
  alerts: readonly Alert[];
  rules: readonly AlertRule[];
}

const HEIGHT = 170;

export function NumberPanel({ device, metric, bounds, alerts, rules }: MetricParts) {
  const { zoomTo, zoomBack } = useZoom();
  const series = useSeries({ deviceId: device.id, metric: metric.metric, ...bounds });
  const curves = useMemo(
    () => [{ ...series.curve, label: metric.metric, unit: metric.unit, colour: 1 }],
    [series.curve, metric],
  );
  const spans = alerts.map(({ severity, startedAt, resolvedAt }) => ({
    severity,
    from: Date.parse(startedAt),
    to: resolvedAt ? Date.parse(resolvedAt) : bounds.to,
  }));
  const thresholds = rules.flatMap(({ condition, threshold, severity }) =>
    threshold === null || condition === 'rises_by' || condition === 'falls_by' ? [] : [{ value: threshold, severity }],
  );
  return (
    <Panel
      title={humanName(metric.metric)}
      aside={
        <div className={classes.aside}>
          <Figures deviceId={device.id} metric={metric} bounds={bounds} />
          <HealthMark device={device} metric={metric} />
        </div>
      }
    >
      {series.isPending ? (
        <Skeleton height={HEIGHT + 20} />
      ) : series.error && !series.data ? (
        <ErrorState problem={series.error} onRetry={series.refetch} />
      ) : (
        <TimeChart
          label={`${metric.metric} of ${device.name}`}
          curves={curves}
          from={bounds.from}
          to={bounds.to}
          height={HEIGHT}
          spans={spans}
          thresholds={thresholds}
          onZoom={zoomTo}
          onReset={zoomBack}
        />
      )}
    </Panel>
  );
}

/** The figures of the range in sight, rounded to a minute so that a live chart does not ask for them every second. */
function Figures({
  deviceId,
  metric,
  bounds,
}: {
  deviceId: string;
  metric: MetricInfo;
  bounds: MetricParts['bounds'];
}) {
  const mayAnalyse = useMay('analytics:read');
  const minute = (at: number) => new Date(Math.floor(at / 60_000) * 60_000).toISOString();
  const { data } = useEndpoint(
    telemetrySummary,
    { query: { deviceId, metric: metric.metric, from: minute(bounds.from), to: minute(bounds.to + 60_000) } },
    { enabled: mayAnalyse, keepPrevious: true, staleTime: 60_000 },
  );
  if (!data || data.count === 0) return null;
  const longest = data.gaps[0];
  const facts: [string, string][] = [
    ['average', formatValue(data.avg, metric.unit)],
    ['min', formatValue(data.min, metric.unit)],
    ['max', formatValue(data.max, metric.unit)],
    ['median', formatValue(data.p50, metric.unit)],
    ['95th', formatValue(data.p95, metric.unit)],
    ['complete', data.completeness === null ? '–' : `${(data.completeness * 100).toFixed(1)} %`],
    ...(longest
      ? [['longest gap', duration((Date.parse(longest.to) - Date.parse(longest.from)) / 1000)] as [string, string]]
      : []),
  ];
  return (
    <div className={classes.figures} title={`Median and 95th percentile are within ${data.relativeError * 100} %`}>
      {facts.map(([name, text]) => (
        <span key={name}>
          {name} <b>{text}</b>
        </span>
      ))}
    </div>
  );
}
