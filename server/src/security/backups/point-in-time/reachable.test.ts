import { expect, test } from 'vitest';
import { missingOf } from './reachable.ts';

// What a list says is missing, of what was sent. How it is found in a place is tried with a real log, in `point-in-time.test.ts`.

const chain = 'a'.repeat(16);
const segment = (number: number): string => `0000000100000000000000${number.toString().padStart(2, '0')}`;
const named = (number: number): string => `${chain}-${segment(number)}`;
const base = { chain, from: { segment: segment(5), lsn: '0/5000028' } };
const sent = (number: number) => ({ segment: segment(number), note: '0'.repeat(64) });

test.for([
  ['nothing, where nobody knows what was sent', 7, undefined, undefined, null, false],
  ['nothing, where all is there that was sent', 7, undefined, 7, null, false],
  ['nothing, where the next was sent and is not in the cursor yet', 8, undefined, 7, null, false],
  ['nothing of a base that is new: what was sent last is before it', undefined, undefined, 4, null, false],
  ['the newest', 6, undefined, 7, named(7), true],
  ['all', undefined, undefined, 5, named(5), true],
  ['one in between, to whom nothing is known', 5, named(6), undefined, named(6), false],
  ['one in between', 5, named(6), 8, named(6), true],
] as const)('of the log behind a base is missing: %s', ([, last, gap, known, missing, isShort]) => {
  const reachable = { base, last: last && segment(last), missing: gap };
  expect(missingOf(reachable, known && sent(known))).toEqual({ missing, isShort });
});
