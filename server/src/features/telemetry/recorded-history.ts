import type { Clock } from '../../lib/clock.ts';
import type { OwedToPersons, PersonKeys } from '../../security/keys/person-values.ts';
import { type Look, readPoints, withheld } from './health-reading.ts';
import { createHealthValues } from './health-values.ts';
import { findSeries, type PointAt } from './telemetry.repository.ts';

const PAGE_POINTS = 10_000;

/** What was stored of one metric, oldest first, for whoever goes through all of it; `to` is not included. */
export interface RecordedPoints {
  points(
    who: Pick<Look, 'reader' | 'seesHealth'>,
    deviceId: string,
    metric: string,
    from: Date,
    to: Date,
  ): AsyncIterable<readonly PointAt[]>;
}

export function createRecordedHistory(deps: {
  dataKeys: PersonKeys;
  persons: OwedToPersons;
  clock: Clock;
}): RecordedPoints {
  const health = createHealthValues(deps);
  return {
    async *points({ reader, seesHealth }, deviceId, metric, from, to) {
      const series = await findSeries(reader, deviceId, metric);
      if (!series) return;
      if (series.health && !seesHealth) throw withheld();
      let fromMicros = from.getTime() * 1000;
      const toMicros = to.getTime() * 1000;
      while (fromMicros < toMicros) {
        const page = await readPoints({ reader, health }, series, { fromMicros, toMicros }, PAGE_POINTS);
        const last = page.at(-1);
        if (!last) return;
        yield page;
        if (page.length < PAGE_POINTS) return;
        fromMicros = last.atMicros + 1;
      }
    },
  };
}
