import type uPlot from 'uplot';
import { formatNumber } from '../format-value.ts';
import { type Curve, lonely } from './chart-data.ts';
import type { Span, Threshold } from './time-chart.tsx';

interface Wanted {
  curves: readonly Curve[];
  width: number;
  height: number;
  sync: string;
  marks: { readonly current: { spans: readonly Span[]; thresholds: readonly Threshold[] } };
  onCursor: (at: number | null) => void;
  onZoom: (from: number, to: number) => void;
  onReset: () => void;
}

const LEFT = 3;
const RIGHT = 1;
/** Thresholds belong to the first unit. */
const FIRST_SCALE = 'y0';

/** A point without neighbours draws no line: it gets a dot. */
const dots: uPlot.Series.Points = {
  size: 5,
  show: false,
  filter: (plot, series) => lonely(plot.data[series] ?? []),
};

const colourOf = (name: string): string => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

/** How a chart of ours looks: thin lines, faint grid, the band in the line's own colour. */
export function chartOptions(wanted: Wanted): uPlot.Options {
  const { curves, width, height, sync, onCursor, onZoom, onReset } = wanted;
  const ink = colourOf('--mantine-color-dimmed') || '#777';
  const line = colourOf('--line') || '#ddd';
  const font = '11px system-ui, sans-serif';
  const axis: uPlot.Axis = {
    stroke: ink,
    font,
    grid: { stroke: line, width: 1 },
    ticks: { stroke: line, width: 1, size: 4 },
  };
  // Each unit has a scale of its own; the first two have an axis, left and right.
  const units = [...new Set(curves.map(({ unit }) => unit))];
  const scaleOf = (unit: string | null) => `y${units.indexOf(unit)}`;
  const series: uPlot.Series[] = [{}];
  const bands: uPlot.Band[] = [];
  for (const curve of curves) {
    const stroke = colourOf(`--series-${curve.colour}`) || '#0b7f74';
    const scale = scaleOf(curve.unit);
    series.push({ label: curve.label, scale, stroke, width: 1.5, points: { ...dots, fill: stroke }, spanGaps: false });
    if (!curve.low || !curve.high) continue;
    const edge = { scale, stroke: 'transparent', width: 0, points: { show: false }, spanGaps: false };
    series.push({ ...edge, label: `${curve.label} low` }, { ...edge, label: `${curve.label} high` });
    bands.push({ series: [series.length - 1, series.length - 2], fill: `${stroke}26` });
  }
  return {
    width,
    height,
    series,
    bands,
    legend: { show: false },
    padding: [8, units.length > 1 ? 8 : 20, 0, 0],
    axes: [
      { ...axis, space: 70, size: 32, values: timeLabels },
      ...units.slice(0, 2).map((unit, index) => ({
        ...axis,
        scale: scaleOf(unit),
        side: index === 0 ? LEFT : RIGHT,
        size: 56,
        grid: index === 0 ? (axis.grid ?? {}) : { show: false },
        values: (_plot: uPlot, values: number[]) => values.map((value) => formatNumber(value)),
      })),
    ],
    scales: {
      x: { time: true, auto: false },
      ...Object.fromEntries(units.map((unit) => [scaleOf(unit), { range: roomFor(wanted) }])),
    },
    cursor: {
      sync: { key: sync },
      drag: { x: true, y: false, setScale: false },
      points: { size: 6 },
      bind: {
        dblclick: () => () => {
          onReset();
          return null;
        },
      },
    },
    hooks: {
      setCursor: [
        (plot) =>
          onCursor(
            plot.cursor.left !== undefined && plot.cursor.left >= 0 ? plot.posToVal(plot.cursor.left, 'x') : null,
          ),
      ],
      setSelect: [
        (plot) => {
          const { left, width: size } = plot.select;
          if (size < 4) return;
          const [start, end] = [plot.posToVal(left, 'x'), plot.posToVal(left + size, 'x')];
          plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
          onZoom(start, end);
        },
      ],
      drawClear: [(plot) => shadeSpans(plot, wanted.marks.current.spans)],
      draw: [(plot) => drawThresholds(plot, wanted.marks.current.thresholds)],
    },
  };
}

const pad = (part: number) => String(part).padStart(2, '0');

/** A clock of 24 hours; the day stands where it begins. */
function timeLabels(_plot: uPlot, splits: number[], _axis: number, _space: number, step: number): string[] {
  return splits.map((split, index) => {
    const date = new Date(split * 1000);
    const day = `${pad(date.getMonth() + 1)}-${pad(date.getDate())}`;
    if (step >= 86_400) return day;
    const clock = `${pad(date.getHours())}:${pad(date.getMinutes())}${step < 60 ? `:${pad(date.getSeconds())}` : ''}`;
    const before = splits[index - 1];
    const isNewDay = before !== undefined && new Date(before * 1000).getDate() !== date.getDate();
    return isNewDay ? `${day} ${clock}` : clock;
  });
}

/** A flat line still gets a scale, and a threshold that is near stays on the picture. */
function roomFor({ marks }: Wanted): uPlot.Scale.Range {
  return (_plot, low, high, scale) => {
    if (low === null || high === null) return [0, 1];
    const span = high - low || Math.abs(high) || 1;
    const thresholds = scale === FIRST_SCALE ? marks.current.thresholds : [];
    const near = thresholds.map(({ value }) => value).filter((value) => value > low - span && value < high + span);
    const [bottom, top] = [Math.min(low, ...near), Math.max(high, ...near)];
    return [bottom - span * 0.08, top + span * 0.08];
  };
}

function shadeSpans(plot: uPlot, spans: readonly Span[]): void {
  const { ctx, bbox } = plot;
  ctx.save();
  for (const { from, to, severity } of spans) {
    const left = Math.max(bbox.left, plot.valToPos(from / 1000, 'x', true));
    const right = Math.min(bbox.left + bbox.width, plot.valToPos(to / 1000, 'x', true));
    if (right <= left) continue;
    ctx.fillStyle = colourOf(`--sev-${severity}-soft`);
    ctx.fillRect(left, bbox.top, Math.max(2, right - left), bbox.height);
  }
  ctx.restore();
}

function drawThresholds(plot: uPlot, thresholds: readonly Threshold[]): void {
  const { ctx, bbox } = plot;
  ctx.save();
  ctx.setLineDash([4 * devicePixelRatio, 4 * devicePixelRatio]);
  ctx.lineWidth = devicePixelRatio;
  for (const { value, severity } of thresholds) {
    const y = plot.valToPos(value, FIRST_SCALE, true);
    if (y < bbox.top || y > bbox.top + bbox.height) continue;
    ctx.strokeStyle = colourOf(`--sev-${severity}`);
    ctx.beginPath();
    ctx.moveTo(bbox.left, y);
    ctx.lineTo(bbox.left + bbox.width, y);
    ctx.stroke();
  }
  ctx.restore();
}
