import { expect, test } from 'vitest';
import { createTurns, TooManyWaitingError } from './turns.ts';

test('work of one key never overlaps, keeps its order, and a failure does not stop the line', async () => {
  const inTurn = createTurns(100);
  const said: string[] = [];
  let running = 0;
  const work = (name: string) => async () => {
    running += 1;
    expect(running).toBe(1);
    await new Promise((resolve) => setTimeout(resolve, 2));
    running -= 1;
    said.push(name);
    if (name === 'b') throw new Error('b fails');
    return name;
  };
  const all = await Promise.allSettled(['a', 'b', 'c'].map((name) => inTurn('key', work(name))));
  expect(said).toEqual(['a', 'b', 'c']);
  expect(all.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
});

test('another key does not wait; beyond the bound nobody waits', async () => {
  const inTurn = createTurns(1);
  let release: () => void = () => undefined;
  const held = inTurn('key', () => new Promise<void>((resolve) => (release = resolve)));
  expect(await inTurn('other', async () => 'through')).toBe('through');
  const second = inTurn('key', async () => 'second');
  await expect(inTurn('key', async () => 'third')).rejects.toThrow(TooManyWaitingError);
  release();
  await held;
  expect(await second).toBe('second');
  expect(await inTurn('key', async () => 'again')).toBe('again');
});
