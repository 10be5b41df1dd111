/** What the charts of a page show: a span that ends now, or a fixed one. */
export type TimeRange =
  | { readonly kind: 'last'; readonly key: RangeKey }
  | { readonly kind: 'fixed'; readonly from: number; readonly to: number };

export const rangeKeys = ['live', '1h', '6h', '24h', '7d', '30d'] as const;
export type RangeKey = (typeof rangeKeys)[number];
export const rangeSeconds: Readonly<Record<RangeKey, number>> = {
  live: 900,
  '1h': 3600,
  '6h': 21_600,
  '24h': 86_400,
  '7d': 604_800,
  '30d': 2_592_000,
};
export const rangeNames: Readonly<Record<RangeKey, string>> = {
  live: 'Live, 15 min',
  '1h': 'Last hour',
  '6h': 'Last 6 hours',
  '24h': 'Last 24 hours',
  '7d': 'Last 7 days',
  '30d': 'Last 30 days',
};
export const defaultRange: TimeRange = { kind: 'last', key: '6h' };

const isKey = (text: string | null): text is RangeKey => rangeKeys.some((key) => key === text);

/** Reads `range=6h`, or `from` and `to` as RFC 3339; anything else is the default. */
export function parseTimeRange(search: URLSearchParams): TimeRange {
  const key = search.get('range');
  if (isKey(key)) return { kind: 'last', key };
  const from = Date.parse(search.get('from') ?? '');
  const to = Date.parse(search.get('to') ?? '');
  if (Number.isFinite(from) && Number.isFinite(to) && from < to) return { kind: 'fixed', from, to };
  return defaultRange;
}

/** The same query string with this range in it. */
export function withTimeRange(search: URLSearchParams, range: TimeRange): URLSearchParams {
  const next = new URLSearchParams(search);
  for (const key of ['range', 'from', 'to']) next.delete(key);
  if (range.kind === 'last') next.set('range', range.key);
  else {
    next.set('from', new Date(range.from).toISOString());
    next.set('to', new Date(range.to).toISOString());
  }
  return next;
}

export function boundsOf(range: TimeRange, now: number): { from: number; to: number } {
  if (range.kind === 'fixed') return { from: range.from, to: range.to };
  return { from: now - rangeSeconds[range.key] * 1000, to: now };
}

export const spanSeconds = (range: TimeRange) =>
  range.kind === 'fixed' ? (range.to - range.from) / 1000 : rangeSeconds[range.key];
