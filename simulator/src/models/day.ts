import type { Seconds } from './signal.ts';

const DAY = 86_400;

/** The hour by the wall of the place, 0 ≤ hour < 24. */
export function hourOfDay(at: Seconds, utcOffsetMinutes: number): number {
  const local = at + utcOffsetMinutes * 60;
  return ((((local % DAY) + DAY) % DAY) / DAY) * 24;
}

/** Saturday or Sunday by the wall of the place (1970-01-01 was a Thursday). */
function isWeekend(at: Seconds, utcOffsetMinutes: number): boolean {
  const weekday = (((Math.floor((at + utcOffsetMinutes * 60) / DAY) + 4) % 7) + 7) % 7;
  return weekday === 0 || weekday === 6;
}

/** −1 in the small hours, 1 in the afternoon: what sun and people do to a building. */
export const warmth = (at: Seconds, utcOffsetMinutes: number): number =>
  Math.cos(((hourOfDay(at, utcOffsetMinutes) - 15) / 24) * 2 * Math.PI);

/** How busy a place is, 0.05–1: morning and afternoon peaks, a lunch dip, quiet nights, half on weekends. */
export function bustle(at: Seconds, utcOffsetMinutes: number): number {
  const hour = hourOfDay(at, utcOffsetMinutes);
  const peak = (centre: number, width: number) => Math.exp(-(((hour - centre) / width) ** 2));
  return 0.05 + 0.95 * Math.min(1, peak(10, 2.6) + peak(15, 2.4)) * (isWeekend(at, utcOffsetMinutes) ? 0.5 : 1);
}
