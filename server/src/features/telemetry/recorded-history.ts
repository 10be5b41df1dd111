import type { Reader } from '../../security/audit/tokens.ts';
import { findPoints, findSeries, type PointAt } from './telemetry.repository.ts';

const PAGE_POINTS = 10_000;

/** What was stored of one metric, oldest first, for whoever goes through all of it; `to` is not included. */
export interface RecordedPoints {
  points(reader: Reader, deviceId: string, metric: string, from: Date, to: Date): AsyncIterable<readonly PointAt[]>;
}

export function createRecordedHistory(): RecordedPoints {
  return {
    async *points(reader, deviceId, metric, from, to) {
      const series = await findSeries(reader, deviceId, metric);
      if (!series) return;
      let fromMicros = from.getTime() * 1000;
      const toMicros = to.getTime() * 1000;
      while (fromMicros < toMicros) {
        const page = await findPoints(reader, series, { fromMicros, toMicros }, PAGE_POINTS);
        const last = page.at(-1);
        if (!last) return;
        yield page;
        if (page.length < PAGE_POINTS) return;
        fromMicros = last.atMicros + 1;
      }
    },
  };
}
