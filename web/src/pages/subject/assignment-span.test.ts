import { expect, it } from 'vitest';
import { spanIn, stateAt } from './assignment-span.ts';

const hour = (at: number) => new Date(Date.UTC(2026, 10, 25, at)).toISOString();
const now = Date.parse(hour(10));
const past = { from: hour(0), until: hour(5) };
const open = { from: hour(5), until: null };
const planned = { from: hour(12), until: hour(20) };

it('an end is not part of a span: one that ends now is over, one that begins now is on', () => {
  expect([past, open, planned].map((span) => stateAt(span, now))).toEqual(['past', 'now', 'planned']);
  expect(stateAt({ from: hour(9), until: hour(10) }, now)).toBe('past');
  expect(stateAt({ from: hour(10), until: null }, now)).toBe('now');
});

it('the axis reaches from the first beginning to now, or to the last end that is known', () => {
  expect(spanIn([open, past], past, now)).toEqual({ left: 0, width: 50 });
  expect(spanIn([open, past], open, now)).toEqual({ left: 50, width: 50 });
  expect(spanIn([planned, open, past], past, now)).toEqual({ left: 0, width: 25 });
  expect(spanIn([planned, open, past], open, now)).toEqual({ left: 25, width: 75 });
  expect(spanIn([{ from: hour(12), until: null }], { from: hour(12), until: null }, now)).toEqual({
    left: 100,
    width: 0,
  });
});
