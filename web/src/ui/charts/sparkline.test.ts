import { expect, it } from 'vitest';
import { sparklinePath } from './sparkline.tsx';

it('draws a missing value as a gap', () => {
  expect(sparklinePath([0, 1, null, 1, 0])).toBe('M0.0 22.0L30.0 2.0M90.0 2.0L120.0 22.0');
});

it('draws nothing from fewer than two values', () => {
  expect(sparklinePath([null, 3, null])).toBe('');
});
