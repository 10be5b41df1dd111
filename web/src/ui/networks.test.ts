import { expect, it } from 'vitest';
import { isWithin } from './networks.ts';

it.each([
  ['203.0.113.7', '203.0.113.7', true],
  ['203.0.113.7', '203.0.113.8', false],
  ['203.0.113.7', '203.0.113.0/24', true],
  ['203.0.114.7', '203.0.113.0/24', false],
  ['203.0.114.7', '0.0.0.0/0', true],
  ['2001:db8:7:1::5', '2001:db8:7:1::/64', true],
  ['2001:db8:7:1:ffff::5', '2001:db8:7:1::/64', true],
  ['2001:db8:7:2::5', '2001:db8:7:1::/64', false],
  ['2001:db8:7::5', '2001:DB8:7:0::0005', true],
  ['::ffff:5', '::fffe:0/111', true],
  ['2001:db8::1', '0.0.0.0/0', false],
  [null, '::/0', false],
])('%s is within %s: %s', (address, network, is) => {
  expect(isWithin(address, network)).toBe(is);
});
