import type { ScannedPoints } from './scan-points.ts';

/** The points of one message: as JSON, or as the scan made them, which has numbers only. */
export type SentPoints = readonly unknown[] | ScannedPoints;

export const isUnread = (points: SentPoints): points is readonly unknown[] => Array.isArray(points);

/** Bytes that the texts among the values take in memory. */
export function textBytes(points: SentPoints): number {
  let bytes = 0;
  if (!isUnread(points)) return bytes;
  for (const point of points) {
    const value = (point as { value?: unknown } | null | undefined)?.value;
    if (typeof value === 'string') bytes += value.length * 2;
  }
  return bytes;
}
