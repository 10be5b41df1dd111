import { useMemo } from 'react';
import { useSearchParams } from 'react-router';
import { defaultRange, parseTimeRange, type TimeRange, withTimeRange } from './time-range.ts';

/** The time range of the page, kept in the address. */
export function useTimeRange(): [TimeRange, (range: TimeRange) => void] {
  const [search, setSearch] = useSearchParams();
  const text = ['range', 'from', 'to'].map((key) => `${key}=${encodeURIComponent(search.get(key) ?? '')}`).join('&');
  const range = useMemo(() => parseTimeRange(new URLSearchParams(text)), [text]);
  return [range, (next) => setSearch((before) => withTimeRange(before, next), { preventScrollReset: true })];
}

/** What was on the screen before each zoom, so that a double click goes back step by step. */
const zoomedFrom: TimeRange[] = [];
const stepsAtMost = 20;

/** Narrows the range of the page, and widens it again. */
export function useZoom() {
  const [range, setRange] = useTimeRange();
  return {
    zoomTo(from: number, to: number) {
      zoomedFrom.push(range);
      if (zoomedFrom.length > stepsAtMost) zoomedFrom.shift();
      setRange({ kind: 'fixed', from: Math.round(from), to: Math.round(to) });
    },
    zoomBack() {
      if (range.kind === 'fixed') setRange(zoomedFrom.pop() ?? defaultRange);
    },
  };
}
