import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { addressList } from '../../platform/config/addresses.ts';
import { addressKey } from './client-address.ts';
import { networkOf, networkText, overlap, subjectOf } from './networks.ts';

const network = (text: string) => {
  const found = networkOf(text);
  if (!found) throw new Error(`${text} is no network`);
  return found;
};

test.each([
  ['203.0.113.9', '203.0.113.9'],
  ['203.0.113.9/24', '203.0.113.0/24'],
  ['::ffff:203.0.113.9', '203.0.113.9'],
  ['2001:DB8::1', '2001:db8::1'],
  ['2001:db8:7:1:abcd::9/64', '2001:db8:7:1::/64'],
  ['2001:db8::/32', '2001:db8::/32'],
  ['::1', '::1'],
  ['10.0.0.0/8', '10.0.0.0/8'],
])('%s is %s', (text, written) => {
  expect(networkText(network(text))).toBe(written);
});

test.each([
  '',
  'x',
  '1.2.3',
  '1.2.3.4/33',
  '1.2.3.4/',
  '1.2.3.4/024',
  '1.2.3.4/8/8',
  'fe80::1%eth0',
  '::/129',
  ' 1.2.3.4',
  '::ffff:1.2.3.4/120',
  '1.2.3.4; drop',
])('%j is none', (text) => {
  expect(networkOf(text)).toBeUndefined();
});

describe('two networks', () => {
  test('overlap exactly when an address of one lies in the other, by what Node says of it', () => {
    const byte = fc.integer({ min: 0, max: 3 });
    const some = fc
      .tuple(byte, byte, byte, byte, fc.integer({ min: 1, max: 32 }))
      .map(([a, b, c, d, prefix]) => networkText(network(`${a}.${b}.${c}.${d}/${prefix}`)));
    fc.assert(
      fc.property(some, some, (one, other) => {
        const first = (text: string): string => text.split('/', 1)[0] ?? '';
        const meets = addressList([one]).contains(first(other)) || addressList([other]).contains(first(one));
        expect(overlap(network(one), network(other))).toBe(meets);
      }),
    );
  });

  test('of different families never do', () => {
    expect(overlap(network('0.0.0.0/1'), network('::/1'))).toBe(false);
  });
});

describe('what a decision falls on', () => {
  test.each([
    ['ip', '203.0.113.9', '203.0.113.9'],
    ['ip', '::ffff:203.0.113.9', '203.0.113.9'],
    ['ip', '2001:db8:7:1:abcd::9', addressKey('2001:db8:7:1::1')],
    ['ip', '2001:db8:7:1::/64', addressKey('2001:db8:7:1::1')],
    ['ip', '2001:0:0:0::/64', addressKey('2001::1')],
    ['ip', '203.0.113.0/24', undefined],
    ['ip', 'someone', undefined],
    ['range', '203.0.113.9/24', '203.0.113.0/24'],
    ['range', 'someone', undefined],
  ] as const)('%s %s: %s', (scope, text, subject) => {
    expect(subjectOf(scope, text)).toBe(subject);
  });
});
