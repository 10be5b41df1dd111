import type { IncidentEntry } from '@valtronics/contract';
import { describe, expect, it } from 'vitest';
import { timelineItems } from './timeline-rows.ts';

const entry = (kind: IncidentEntry['kind'], second: number, own: Partial<IncidentEntry> = {}): IncidentEntry => ({
  at: `2026-01-01T12:00:0${second}.000Z`,
  kind,
  by: null,
  note: null,
  id: null,
  name: kind === 'event' ? 'session.refused' : null,
  severity: null,
  technique: null,
  subject: null,
  count: kind === 'event' ? 1 : null,
  ...own,
});

describe('timelineItems', () => {
  it('puts the newest first, and counts events that say the same one after another', () => {
    const items = timelineItems(
      [
        entry('event', 1),
        entry('event', 2, { count: 3 }),
        entry('event', 3, { name: 'path.unknown' }),
        entry('event', 4),
        entry('detection', 5),
        entry('note', 6),
        entry('note', 7),
      ],
      true,
    );
    expect(items.map(({ entry: { kind, name }, count }) => [kind, name, count])).toEqual([
      ['note', null, 1],
      ['note', null, 1],
      ['detection', null, 1],
      ['event', 'session.refused', 1],
      ['event', 'path.unknown', 1],
      ['event', 'session.refused', 4],
    ]);
    expect(items.at(-1)?.lastAt).toBe('2026-01-01T12:00:02.000Z');
  });

  it('leaves events out where they are not asked for', () => {
    expect(timelineItems([entry('event', 1), entry('note', 2)], false)).toHaveLength(1);
  });
});
