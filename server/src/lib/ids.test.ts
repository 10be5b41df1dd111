import { expect, test } from 'vitest';
import { manualClock } from './clock.ts';
import { createIdSource, isId, newId } from './ids.ts';

test('ids are RFC 9562 version 7 and carry their time', () => {
  const id = createIdSource(manualClock(0x017f_22e2_79b0))();
  expect(id).toMatch(/^017f22e2-79b0-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
});

test('ids of one process sort in the order they were made, also within a millisecond and when the clock is set back', () => {
  const clock = manualClock(1_800_000_000_000);
  const next = createIdSource(clock);
  const ids: string[] = [];
  for (let i = 0; i < 20_000; i++) {
    ids.push(next());
    if (i % 3000 === 0) clock.advance(-5);
    if (i % 1000 === 0) clock.advance(1);
  }
  expect(ids.toSorted()).toEqual(ids);
  expect(new Set(ids).size).toBe(ids.length);
  expect(ids.every(isId)).toBe(true);
});

test('two sources that share a millisecond do not collide', () => {
  const clock = manualClock(1_800_000_000_000);
  const [a, b] = [createIdSource(clock), createIdSource(clock)];
  const ids = new Set<string>();
  for (let i = 0; i < 5_000; i++) ids.add(a()).add(b());
  expect(ids.size).toBe(10_000);
});

test.each(['', 'x', newId().toUpperCase(), `${newId()} `, `${newId()}\n`, newId().replaceAll('-', ''), 7, null])(
  '%j is no id',
  (text) => {
    expect(isId(text)).toBe(false);
  },
);
