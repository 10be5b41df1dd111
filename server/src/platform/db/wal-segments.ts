// Names of segments of PostgreSQL's log (WAL): timeline, then the number of the segment, 24 hexadecimal digits in all.

/** What initdb makes unless told, which our own are made with. */
export const SEGMENT_BYTES = 16 * 1024 * 1024;
const SEGMENTS_PER_FILE_NUMBER = 0x1_0000_0000 / SEGMENT_BYTES;

export const isSegment = (name: string): boolean => /^[0-9A-F]{24}$/.test(name);

const hex = (value: number): string => value.toString(16).toUpperCase().padStart(8, '0');

const nameOf = (timeline: number, number: number): string =>
  hex(timeline) + hex(Math.floor(number / SEGMENTS_PER_FILE_NUMBER)) + hex(number % SEGMENTS_PER_FILE_NUMBER);

const partsOf = (segment: string): { timeline: number; number: number } => {
  const [timeline = 0, high = 0, low = 0] = [0, 8, 16].map((at) => Number.parseInt(segment.slice(at, at + 8), 16));
  return { timeline, number: high * SEGMENTS_PER_FILE_NUMBER + low };
};

/** The next one of the same timeline. */
export function segmentAfter(segment: string): string {
  const { timeline, number } = partsOf(segment);
  return nameOf(timeline, number + 1);
}

/** The one that holds the byte before this place, which PostgreSQL writes as `16/B374D848`. Just behind a segment is still that segment. */
export function segmentBefore(timeline: number, place: string): string {
  return nameOf(timeline, Math.floor((positionOf(place) - 1) / SEGMENT_BYTES));
}

/** The one that holds the byte at this place. */
export function segmentAt(timeline: number, place: string): string {
  return nameOf(timeline, Math.floor(positionOf(place) / SEGMENT_BYTES));
}

// Exact up to 2^53 bytes of log: thousands of years at the speed of any disk.
function positionOf(place: string): number {
  const [, high, low] = /^([0-9A-F]{1,8})\/([0-9A-F]{1,8})$/i.exec(place) ?? [];
  if (high === undefined || low === undefined) throw new Error(`${place} is no place in the log of PostgreSQL`);
  return Number.parseInt(high, 16) * 0x1_0000_0000 + Number.parseInt(low, 16);
}
