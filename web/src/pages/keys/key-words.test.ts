import type { KeyEpoch, KeyRotation } from '@valtronics/contract';
import { describe, expect, test } from 'vitest';
import { epochState, leftOver, shareOf } from './key-words.ts';

const epoch = (status: KeyEpoch['status'], values: number | null): KeyEpoch => ({
  ...{ number: 2, status, values, subjectKeys: 0 },
  ...{ createdAt: '2026-01-01T00:00:00.000Z', replacedAt: null, retiredAt: null },
});
const rotation = (state: KeyRotation['state'], more: Partial<KeyRotation> = {}): KeyRotation => ({
  ...{ state, done: 0, total: 0, unreadable: 0 },
  ...more,
});

describe('what becomes of an epoch', () => {
  test.each([
    ['active', 5, rotation('running'), 'active'],
    ['previous', 5, rotation('running'), 'renewing'],
    ['previous', 5, rotation('elsewhere'), 'renewing'],
    ['previous', null, rotation('running'), 'renewing'],
    ['previous', 0, rotation('running'), 'replaced'],
    ['previous', 5, rotation('idle'), 'unfinished'],
    ['previous', 5, rotation('failed'), 'unfinished'],
    ['previous', null, rotation('idle'), 'replaced'],
    ['previous', 2, rotation('done', { unreadable: 2 }), 'replaced'],
    ['previous', 3, rotation('done', { unreadable: 2 }), 'unfinished'],
    ['retired', 0, rotation('running'), 'retired'],
  ] as const)('%s with %s values', (status, values, under, expected) => {
    expect(epochState(epoch(status, values), under)).toBe(expected);
  });
});

test('what a rotation left is what opens and is under an older epoch', () => {
  const epochs = [epoch('previous', 4), epoch('previous', null), epoch('active', 9)];
  expect(leftOver(epochs, rotation('idle'))).toBe(4);
  expect(leftOver(epochs, rotation('running'))).toBe(0);
  expect(leftOver(epochs, rotation('done', { unreadable: 4 }))).toBe(0);
});

test('a bar is full when it is over, and not before', () => {
  expect(shareOf(rotation('running', { done: 999, total: 1000 }))).toBe(99);
  expect(shareOf(rotation('running', { done: 5, total: 5 }))).toBe(99);
  expect(shareOf(rotation('running'))).toBe(0);
  expect(shareOf(rotation('done', { done: 5, total: 5 }))).toBe(100);
});
