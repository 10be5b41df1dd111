import { useEffect, useState } from 'react';
import { boundsOf, spanSeconds, type TimeRange } from './time-range.ts';

/** The range as two moments. A range that ends now moves on, in steps worth a new picture: a five-hundredth of its span. */
export function useBounds(range: TimeRange): { from: number; to: number; isLive: boolean } {
  const stepMs = Math.min(300_000, Math.max(5_000, spanSeconds(range) * 2));
  const [now, setNow] = useState(() => Date.now());
  const isLive = range.kind === 'last';
  useEffect(() => {
    if (!isLive) return undefined;
    setNow(Date.now());
    const timer = setInterval(() => setNow(Date.now()), stepMs);
    return () => clearInterval(timer);
  }, [isLive, stepMs]);
  const rounded = Math.ceil(now / 1000) * 1000;
  return { ...boundsOf(range, rounded), isLive };
}
