import { sketchRelativeError, type telemetrySummary } from '@valtronics/contract';
import type { Reader } from '../../security/audit/tokens.ts';
import type { Answer, Call } from '../../security/gate/call.ts';
import type { SeriesKey } from './committed.ts';
import { type Look, readPoints, readRollups } from './health-reading.ts';
import { addRollup, addValue, emptyFigures, type Figures, shown } from './history.ts';
import { HOUR_MICROS, MINUTE_MICROS } from './rollup-state.ts';
import { rangeOf, seriesOf } from './telemetry.query.ts';
import {
  countPoints,
  type Extent,
  findExtent,
  findRollupRange,
  findSpacing,
  type Spacing,
  type TimeRange,
} from './telemetry.repository.ts';
import { timestampText } from './timestamp.ts';

const MAX_GAPS = 100;
// Up to here distances are taken between points; of more, between the minutes or hours that have any.
const MAX_EXACT_POINTS = 200_000;
const MAX_EDGE_POINTS = 200_000;
const MAX_MINUTE_BUCKETS = 31 * 24 * 60;

export async function summary(
  look: Look,
  query: Call<typeof telemetrySummary>['query'],
  nowMicros: number,
): Promise<Answer<typeof telemetrySummary>> {
  const range = rangeOf(query);
  const { reader } = look;
  const series = await seriesOf(look, query);
  const figures = await figuresOf(look, series, range);
  const extent = figures.count > 0 ? await findExtent(reader, series.id, range) : undefined;
  // Nobody expects points of the future.
  const toMicros = Math.max(range.fromMicros, Math.min(range.toMicros, nowMicros));
  const past = { fromMicros: range.fromMicros, toMicros };
  const spacing = await spacingOf(reader, series, range, figures.count, query.expectedIntervalSeconds);
  const expected = query.expectedIntervalSeconds ?? spacing.medianSeconds;
  return {
    ...shown(figures, undefined),
    unit: series.unit,
    from: timestampText(range.fromMicros),
    to: timestampText(range.toMicros),
    relativeError: sketchRelativeError,
    firstAt: extent ? timestampText(extent.firstMicros) : null,
    lastAt: extent ? timestampText(extent.lastMicros) : null,
    expectedIntervalSeconds: expected,
    completeness: expected === null ? null : completenessOf(figures.count, past, expected),
    gaps: (expected === null ? [] : withEdges(spacing.gaps, past, extent, expected)).map((gap) => ({
      from: timestampText(gap.fromMicros),
      to: timestampText(gap.toMicros),
    })),
  };
}

/** Whole hours, then whole minutes, and single points where the range cuts a minute: exact, and never much to read. */
async function figuresOf(look: Look, series: SeriesKey, range: TimeRange): Promise<Figures> {
  const figures = emptyFigures();
  if (series.valueType === 'string') {
    figures.count = await countPoints(look.reader, series.id, range);
    return figures;
  }
  const minutes = inner(range, MINUTE_MICROS);
  const hours = inner(minutes, HOUR_MICROS);
  for (const edge of around(range, minutes)) {
    for (const { value } of await readPoints(look, series, edge, MAX_EDGE_POINTS)) addValue(figures, Number(value));
  }
  for (const edge of around(minutes, hours)) {
    for (const part of await readRollups(look, 'rollups_1m', series, edge, true)) addRollup(figures, part);
  }
  if (hours.fromMicros < hours.toMicros) {
    for (const part of await readRollups(look, 'rollups_1h', series, hours, true)) addRollup(figures, part);
  }
  return figures;
}

/** The part made of whole steps; an empty one at the start if there is none. */
function inner({ fromMicros, toMicros }: TimeRange, step: number): TimeRange {
  const start = Math.ceil(fromMicros / step) * step;
  const end = Math.floor(toMicros / step) * step;
  return start < end ? { fromMicros: start, toMicros: end } : { fromMicros, toMicros: fromMicros };
}

function around(whole: TimeRange, part: TimeRange): TimeRange[] {
  const edges = [
    { fromMicros: whole.fromMicros, toMicros: part.fromMicros },
    { fromMicros: part.toMicros, toMicros: whole.toMicros },
  ];
  return edges.filter(({ fromMicros, toMicros }) => fromMicros < toMicros);
}

async function spacingOf(
  reader: Reader,
  series: SeriesKey,
  range: TimeRange,
  count: number,
  expectedSeconds: number | undefined,
): Promise<Spacing> {
  if (count <= MAX_EXACT_POINTS || series.valueType === 'string') {
    return findSpacing(reader, series.id, range, expectedSeconds, MAX_GAPS);
  }
  const fits = (range.toMicros - range.fromMicros) / MINUTE_MICROS <= MAX_MINUTE_BUCKETS;
  const width = fits ? MINUTE_MICROS : HOUR_MICROS;
  const buckets = await findRollupRange(reader, fits ? 'rollups_1m' : 'rollups_1h', series.id, range, false);
  const distances = buckets.map((bucket) => width / 1_000_000 / bucket.count).sort((a, b) => a - b);
  const medianSeconds = distances[Math.floor(distances.length / 2)] ?? null;
  const gaps: TimeRange[] = [];
  let end: number | undefined;
  for (const { startMicros } of buckets) {
    if (end !== undefined && startMicros > end) gaps.push({ fromMicros: end, toMicros: startMicros });
    end = startMicros + width;
  }
  const shortest = 2_000_000 * (expectedSeconds ?? medianSeconds ?? 0);
  return { medianSeconds, gaps: gaps.filter((gap) => lengthOf(gap) > shortest) };
}

/** Also what is missing before the first point and after the last; the longest, in order of time. */
function withEdges(
  gaps: readonly TimeRange[],
  { fromMicros, toMicros }: TimeRange,
  extent: Extent | undefined,
  expectedSeconds: number,
): TimeRange[] {
  const edges = extent
    ? [
        { fromMicros, toMicros: extent.firstMicros },
        { fromMicros: extent.lastMicros, toMicros },
      ]
    : [{ fromMicros, toMicros }];
  const missing = edges.filter((edge) => lengthOf(edge) > 2_000_000 * expectedSeconds);
  const longest = [...gaps, ...missing].sort((a, b) => lengthOf(b) - lengthOf(a)).slice(0, MAX_GAPS);
  return longest.sort((a, b) => a.fromMicros - b.fromMicros);
}

const lengthOf = ({ fromMicros, toMicros }: TimeRange) => toMicros - fromMicros;

function completenessOf(count: number, { fromMicros, toMicros }: TimeRange, expectedSeconds: number): number {
  const wanted = Math.floor((toMicros - fromMicros) / 1_000_000 / expectedSeconds);
  return wanted < 1 ? 1 : Math.min(1, count / wanted);
}
