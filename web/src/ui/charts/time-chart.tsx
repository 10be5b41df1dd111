import { useComputedColorScheme } from '@mantine/core';
import { useElementSize } from '@mantine/hooks';
import type { Severity } from '@valtronics/contract';
import { useEffect, useEffectEvent, useRef, useState } from 'react';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { formatValue } from '../format-value.ts';
import { exactTime } from '../time/format-time.ts';
import { aligned, type Curve } from './chart-data.ts';
import { chartOptions } from './chart-options.ts';
import classes from './time-chart.module.css';

export interface Span {
  readonly from: number;
  readonly to: number;
  readonly severity: Severity;
}
export interface Threshold {
  readonly value: number;
  readonly severity: Severity;
}

interface Props {
  /** Said to a screen reader, with the last values. */
  label: string;
  curves: readonly Curve[];
  /** Milliseconds since 1970. */
  from: number;
  to: number;
  height?: number;
  spans?: readonly Span[];
  thresholds?: readonly Threshold[];
  /** Charts with the same key share the cursor. */
  sync?: string;
  onZoom?: ((from: number, to: number) => void) | undefined;
  onReset?: (() => void) | undefined;
}

/** Curves over time: drag to zoom, double-click to go back, the cursor shared with its neighbours. */
export function TimeChart(props: Props) {
  const { label, curves, from, to, height = 160, spans = [], thresholds = [], sync = 'page' } = props;
  const { ref, width } = useElementSize();
  const host = useRef<HTMLDivElement>(null);
  const chart = useRef<uPlot | null>(null);
  const marks = useRef({ spans, thresholds });
  marks.current = { spans, thresholds };
  const scheme = useComputedColorScheme();
  const [cursor, setCursor] = useState<number | null>(null);
  const onZoom = useEffectEvent((start: number, end: number) => props.onZoom?.(start * 1000, end * 1000));
  const onReset = useEffectEvent(() => props.onReset?.());
  const shape = JSON.stringify(curves.map(({ label: name, unit, colour, low }) => [name, unit, colour, Boolean(low)]));
  const latest = useRef(curves);
  latest.current = curves;
  const visible = width > 0;

  // biome-ignore lint/correctness/useExhaustiveDependencies: the plot is made anew when its shape or colours change, not its data
  useEffect(() => {
    if (!host.current || !visible) return undefined;
    const options = chartOptions({
      curves: latest.current,
      width: host.current.clientWidth,
      height,
      sync,
      marks,
      onCursor: setCursor,
      onZoom: (start, end) => onZoom(start, end),
      onReset: () => onReset(),
    });
    const plot = new uPlot(options, aligned(latest.current), host.current);
    plot.setScale('x', { min: from / 1000, max: to / 1000 });
    chart.current = plot;
    return () => {
      plot.destroy();
      chart.current = null;
    };
  }, [shape, scheme, height, sync, visible]);

  useEffect(() => {
    chart.current?.setSize({ width, height });
  }, [width, height]);

  useEffect(() => {
    const plot = chart.current;
    if (!plot) return;
    plot.batch(() => {
      plot.setData(aligned(curves), false);
      plot.setScale('x', { min: from / 1000, max: to / 1000 });
    });
  }, [curves, from, to]);

  return (
    <div ref={ref} className={classes.frame}>
      <Legend curves={curves} at={cursor} />
      <div ref={host} role="img" aria-label={`${label}. ${curves.map(lastWords).join(', ')}`} style={{ height }} />
    </div>
  );
}

const lastWords = ({ label, values, unit }: Curve): string =>
  `${label} last ${formatValue(
    values.findLast((value) => value !== null),
    unit,
  )}`;

/** The values under the cursor, or the last ones. */
function Legend({ curves, at }: { curves: readonly Curve[]; at: number | null }) {
  return (
    <div className={classes.legend}>
      {curves.map((curve) => {
        const index = at === null ? curve.values.findLastIndex((value) => value !== null) : nearest(curve.times, at);
        const band = curve.low && curve.high && at !== null;
        return (
          <span key={curve.label} className={classes.key}>
            <span className={classes.swatch} style={{ background: `var(--series-${curve.colour})` }} aria-hidden />
            {curve.label} <b>{formatValue(curve.values[index], curve.unit)}</b>
            {band ? `${formatValue(curve.low?.[index])} … ${formatValue(curve.high?.[index])}` : null}
          </span>
        );
      })}
      {at === null ? null : <span>{exactTime(at * 1000, { milliseconds: false })}</span>}
    </div>
  );
}

function nearest(times: readonly number[], at: number): number {
  let low = 0;
  let high = times.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((times[middle] ?? 0) < at) low = middle + 1;
    else high = middle;
  }
  const before = Math.max(0, low - 1);
  return at - (times[before] ?? 0) < (times[low] ?? 0) - at ? before : low;
}
