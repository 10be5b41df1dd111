import { createHmac, hkdfSync, randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { blindIndex, blindIndexKey } from './blind-index.ts';

const where = { organisation: 7, table: 'users', column: 'name_index' };

test('is HMAC-SHA-256 under an HKDF of the data key for exactly this column, cut to length', () => {
  const dataKey = randomBytes(32);
  const label = '["valtronics/blind-index/1",7,"users","name_index"]';
  const key = Buffer.from(hkdfSync('sha256', dataKey, '', label, 32));
  expect(blindIndexKey(dataKey, where)).toEqual(key);
  const whole = createHmac('sha256', key).update('ada').digest();
  expect(blindIndex(key, 'ada', 32)).toEqual(whole);
  expect(blindIndex(key, 'ada', 8)).toEqual(whole.subarray(0, 8));
});

test('of another key, organisation, table or column the same text has another index', () => {
  const dataKey = randomBytes(32);
  const keys = [
    blindIndexKey(dataKey, where),
    blindIndexKey(randomBytes(32), where),
    blindIndexKey(dataKey, { ...where, organisation: 8 }),
    blindIndexKey(dataKey, { ...where, organisation: null }),
    blindIndexKey(dataKey, { ...where, table: 'subjects' }),
    blindIndexKey(dataKey, { ...where, column: 'email_index' }),
  ];
  expect(new Set(keys.map((key) => blindIndex(key, 'ada', 8).toString('hex'))).size).toBe(keys.length);
});
