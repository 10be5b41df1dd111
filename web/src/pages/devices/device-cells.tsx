import type { Device } from '@valtronics/contract';
import { useSparkline } from '../../api/sparkline-store.ts';
import { type Reading, useReadings } from '../../live/latest-values.ts';
import { Sparkline } from '../../ui/charts/sparkline.tsx';
import { formatValue } from '../../ui/format-value.ts';
import { RelativeTime } from '../../ui/time/relative-time.tsx';
import classes from './device-cells.module.css';

export function DeviceCurve({ id, hours }: { id: string; hours: number }) {
  return <Sparkline values={useSparkline(id, hours)?.values} />;
}

/** The reading the curve belongs to, or the device's first. */
export function useMainReading(id: string, hours: number): { main: Reading | undefined; all: readonly Reading[] } {
  const readings = useReadings(id) ?? [];
  const curve = useSparkline(id, hours);
  return { main: readings.find(({ metric }) => metric === curve?.metric) ?? readings[0], all: readings };
}

export function LastValue({ id, hours }: { id: string; hours: number }) {
  const { main, all } = useMainReading(id, hours);
  if (!main) return <span className="dim">–</span>;
  const every = all.map(({ metric, value, unit }) => `${metric} ${formatValue(value, unit)}`).join('\n');
  return (
    <span className={classes.value} title={every}>
      <b>{formatValue(main.value, main.unit)}</b> <span className="dim">{main.metric}</span>
    </span>
  );
}

/** When it was last heard: what the list said, or a reading that came in since. */
export function LastSeen({ device }: { device: Device }) {
  const newest = (useReadings(device.id) ?? []).reduce<string | null>(
    (latest, { timestamp }) => (latest === null || timestamp > latest ? timestamp : latest),
    device.lastSeenAt,
  );
  return <RelativeTime at={newest} />;
}
