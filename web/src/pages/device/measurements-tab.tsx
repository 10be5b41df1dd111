import { Skeleton } from '@mantine/core';
import { IconChartLine } from '@tabler/icons-react';
import { type Alert, type AlertRule, alertRulesList, type Device, telemetryMetrics } from '@valtronics/contract';
import { useMay } from '../../api/session.ts';
import { useEndpoint } from '../../api/use-endpoint.ts';
import { EmptyState, ErrorState } from '../../ui/states/states.tsx';
import { useBounds } from '../../ui/time/use-bounds.ts';
import { useTimeRange } from '../../ui/time/use-time-range.ts';
import classes from './device.module.css';
import { WithheldPanel } from './health-mark.tsx';
import { NumberPanel } from './number-panel.tsx';
import { StatePanel } from './state-panel.tsx';

/** Every metric of the device on one time axis, the newest known first in the order of their names. */
export function MeasurementsTab({ device, alerts }: { device: Device; alerts: readonly Alert[] }) {
  const [range] = useTimeRange();
  const bounds = useBounds(range);
  const mayRead = useMay('telemetry:read');
  const seesHealth = useMay('health:read');
  const mayReadRules = useMay('alert:read');
  const metrics = useEndpoint(
    telemetryMetrics,
    { query: { deviceId: device.id, limit: 500 } },
    { enabled: mayRead, refetchInterval: 30_000 },
  );
  const rules = useEndpoint(alertRulesList, { query: { deviceId: device.id, limit: 200 } }, { enabled: mayReadRules });
  if (metrics.error && !metrics.data)
    return <ErrorState problem={metrics.error} onRetry={() => void metrics.refetch()} />;
  if (!metrics.data)
    return (
      <div className={classes.charts}>
        <Skeleton height={200} />
        <Skeleton height={200} />
      </div>
    );
  if (metrics.data.items.length === 0)
    return (
      <EmptyState
        icon={<IconChartLine size={20} />}
        title="Nothing measured yet"
        hint="A chart for every metric will stand here as soon as the device has sent its first point."
      />
    );
  return (
    <div className={classes.charts}>
      {metrics.data.items.map((metric) => {
        const parts = {
          device,
          metric,
          bounds,
          alerts: alerts.filter((alert) => alert.metric === metric.metric),
          rules: (rules.data?.items ?? []).filter((rule: AlertRule) => rule.metric === metric.metric && rule.enabled),
        };
        if (metric.health && !seesHealth) return <WithheldPanel key={metric.metric} device={device} metric={metric} />;
        return metric.valueType === 'number' ? (
          <NumberPanel key={`${device.id} ${metric.metric}`} {...parts} />
        ) : (
          <StatePanel key={metric.metric} {...parts} />
        );
      })}
    </div>
  );
}
