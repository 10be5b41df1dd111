import { useMemo } from 'react';
import { useSearchParams } from 'react-router';
import { parseTimeRange, type TimeRange, withTimeRange } from './time-range.ts';

/** The time range of the page, kept in the address. */
export function useTimeRange(): [TimeRange, (range: TimeRange) => void] {
  const [search, setSearch] = useSearchParams();
  const text = ['range', 'from', 'to'].map((key) => `${key}=${encodeURIComponent(search.get(key) ?? '')}`).join('&');
  const range = useMemo(() => parseTimeRange(new URLSearchParams(text)), [text]);
  return [range, (next) => setSearch((before) => withTimeRange(before, next), { preventScrollReset: true })];
}
