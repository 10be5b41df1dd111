import { aggregations, intervals } from '@valtronics/contract';
import { oneOf } from '../../ui/use-search-state.ts';

export interface SeriesKey {
  readonly deviceId: string;
  readonly metric: string;
}
export const seriesAtMost = 8;
export const explorable = ['auto', 'raw', ...intervals] as const;
export type Explorable = (typeof explorable)[number];

const seriesPattern = /^([0-9a-f-]{36})~([A-Za-z0-9_.-]{1,64})$/i;

/** `deviceId~metric,deviceId~metric`, as the address holds it; what is not understood is left out. */
export function parseSeries(text: string | undefined): SeriesKey[] {
  const found = (text ?? '').split(',').flatMap((part) => {
    const [, deviceId, metric] = seriesPattern.exec(part) ?? [];
    return deviceId && metric ? [{ deviceId, metric }] : [];
  });
  const unique = new Map(found.map((series) => [seriesText([series]), series]));
  return [...unique.values()].slice(0, seriesAtMost);
}

export const seriesText = (series: readonly SeriesKey[]) =>
  series.map(({ deviceId, metric }) => `${deviceId}~${metric}`).join(',');

export const parseInterval = (text: string | undefined): Explorable => oneOf(explorable, text) ?? 'auto';
export const parseAggregation = (text: string | undefined) => oneOf(aggregations, text) ?? ('avg' as const);
