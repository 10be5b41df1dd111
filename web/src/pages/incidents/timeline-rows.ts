import type { IncidentEntry } from '@valtronics/contract';

export interface TimelineItem {
  /** Its place from the beginning, which does not change as more happens. */
  readonly place: number;
  readonly entry: IncidentEntry;
  /** Of several events that say the same one after another: when the last was, and how many there were. */
  readonly lastAt: string;
  readonly count: number;
}

const sameEvent = (a: IncidentEntry, b: IncidentEntry) =>
  a.kind === 'event' &&
  b.kind === 'event' &&
  a.name === b.name &&
  a.by === b.by &&
  a.note === b.note &&
  a.subject?.value === b.subject?.value;

/** Newest first; what repeats itself is one line with a count. `timeline` is oldest first. */
export function timelineItems(timeline: readonly IncidentEntry[], withEvents: boolean): readonly TimelineItem[] {
  const items: TimelineItem[] = [];
  for (const entry of timeline) {
    if (entry.kind === 'event' && !withEvents) continue;
    const before = items.at(-1);
    if (before && sameEvent(before.entry, entry))
      items[items.length - 1] = { ...before, lastAt: entry.at, count: before.count + (entry.count ?? 1) };
    else items.push({ place: items.length, entry, lastAt: entry.at, count: entry.count ?? 1 });
  }
  return items.toReversed();
}
