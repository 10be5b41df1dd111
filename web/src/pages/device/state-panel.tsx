import { Skeleton } from '@mantine/core';
import { telemetryRaw, type Value } from '@valtronics/contract';
import { useEndpoint } from '../../api/use-endpoint.ts';
import { humanName } from '../../ui/format-value.ts';
import { Panel } from '../../ui/page.tsx';
import { exactTime } from '../../ui/time/format-time.ts';
import classes from './device.module.css';
import { HealthMark } from './health-mark.tsx';
import type { MetricParts } from './number-panel.tsx';

interface Stretch {
  readonly from: number;
  readonly to: number;
  readonly value: Value;
}

/** Neighbours that say the same are one stretch, which lasts until something else is said. */
export function stretches(points: readonly { timestamp: string; value: Value }[], until: number): Stretch[] {
  const found: { from: number; to: number; value: Value }[] = [];
  for (const { timestamp, value } of points) {
    const at = Date.parse(timestamp);
    const last = found.at(-1);
    if (last) last.to = at;
    if (last?.value !== value) found.push({ from: at, to: at, value });
  }
  const last = found.at(-1);
  if (last) last.to = Math.max(last.to, until);
  return found;
}

/** What is true or said rather than measured: a bar of states over the same time axis. */
export function StatePanel({ device, metric, bounds }: MetricParts) {
  const range = { from: new Date(bounds.from).toISOString(), to: new Date(bounds.to).toISOString() };
  const { data } = useEndpoint(
    telemetryRaw,
    { query: { deviceId: device.id, metric: metric.metric, ...range, limit: 10_000 } },
    { keepPrevious: true },
  );
  const states = data ? stretches(data.items, bounds.to) : [];
  const words = [...new Set(states.map(({ value }) => String(value)))];
  const share = (at: number) => ((at - bounds.from) / (bounds.to - bounds.from)) * 1000;
  const colour = (value: Value) =>
    value === false ? 'var(--line-strong)' : `var(--series-${(Math.max(0, words.indexOf(String(value))) % 8) + 1})`;
  return (
    <Panel
      title={humanName(metric.metric)}
      aside={
        <div className={classes.aside}>
          <span className="dim">
            {states.length > 0 ? `now ${String(states.at(-1)?.value)}` : 'nothing in this range'}
          </span>
          <HealthMark device={device} metric={metric} />
        </div>
      }
    >
      {data ? (
        <svg
          className={classes.timeline}
          viewBox="0 0 1000 22"
          preserveAspectRatio="none"
          role="img"
          aria-label={`${metric.metric}: ${states.length} changes, now ${String(states.at(-1)?.value)}`}
        >
          {states.map(({ from, to, value }) => (
            <rect
              key={from}
              x={share(from)}
              width={Math.max(1, share(to) - share(from))}
              y={2}
              height={18}
              fill={colour(value)}
            >
              <title>{`${String(value)} from ${exactTime(from, { milliseconds: false })}`}</title>
            </rect>
          ))}
        </svg>
      ) : (
        <Skeleton height={22} />
      )}
      {words.length > 0 ? (
        <div className={classes.words}>
          {words.slice(0, 12).map((word) => (
            <span key={word}>
              <span
                className={classes.swatch}
                style={{ background: colour(word === 'false' ? false : word) }}
                aria-hidden
              />
              {word}
            </span>
          ))}
        </div>
      ) : null}
      {data?.nextCursor ? <span className="dim">The first 10,000 points of this range.</span> : null}
    </Panel>
  );
}
