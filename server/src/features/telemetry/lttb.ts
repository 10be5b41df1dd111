export interface ChartPoint {
  readonly atMicros: number;
  readonly value: number;
}

/**
 * Largest triangle, three buckets: thins a curve to `wanted` points that a viewer would draw by hand. First and last are kept; of each
 * bucket the point that spans the largest triangle with the one chosen before and the mean of the bucket after. Input in order of time.
 */
export function thinned<P extends ChartPoint>(points: readonly P[], wanted: number): P[] {
  const first = points[0];
  const last = points.at(-1);
  if (points.length <= wanted || !first || !last) return [...points];
  const chosen: P[] = [first];
  const width = (points.length - 2) / (wanted - 2);
  let previous = first;
  for (let bucket = 0; bucket < wanted - 2; bucket += 1) {
    const start = Math.floor(bucket * width) + 1;
    const end = Math.floor((bucket + 1) * width) + 1;
    const ahead = meanOf(points, end, Math.min(points.length, Math.floor((bucket + 2) * width) + 1));
    let best = points[start] ?? last;
    let bestArea = -1;
    for (let at = start; at < end; at += 1) {
      const point = points[at];
      if (!point) break;
      const area = Math.abs(
        (previous.atMicros - ahead.atMicros) * (point.value - previous.value) -
          (previous.atMicros - point.atMicros) * (ahead.value - previous.value),
      );
      if (area > bestArea) {
        bestArea = area;
        best = point;
      }
    }
    chosen.push(best);
    previous = best;
  }
  chosen.push(last);
  return chosen;
}

function meanOf(points: readonly ChartPoint[], start: number, end: number): ChartPoint {
  let at = 0;
  let value = 0;
  let count = 0;
  for (let index = start; index < end; index += 1) {
    const point = points[index];
    if (!point) break;
    at += point.atMicros;
    value += point.value;
    count += 1;
  }
  return count === 0 ? (points.at(-1) ?? { atMicros: 0, value: 0 }) : { atMicros: at / count, value: value / count };
}
