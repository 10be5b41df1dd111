import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { addressList } from '../../platform/config/addresses.ts';
import { addressKey, clientAddress, normalAddress } from './client-address.ts';

const nobody = addressList([]);
const proxies = addressList(['10.0.0.0/8', '2001:db8:aaaa::/48', '127.0.0.1']);

describe('the client`s address', () => {
  test.each([
    ['no trusted proxy: the header is ignored', '203.0.113.9', '198.51.100.1', nobody, '203.0.113.9'],
    ['a stranger`s header is ignored', '203.0.113.9', '198.51.100.1', proxies, '203.0.113.9'],
    ['one proxy', '10.0.0.1', '198.51.100.1', proxies, '198.51.100.1'],
    ['what the client wrote itself is not believed', '10.0.0.1', '1.1.1.1, 198.51.100.1', proxies, '198.51.100.1'],
    [
      'a client that claims to be a proxy is not believed',
      '10.0.0.1',
      '10.9.9.9, 198.51.100.1',
      proxies,
      '198.51.100.1',
    ],
    ['two proxies', '10.0.0.1', '198.51.100.1, 10.0.0.2', proxies, '198.51.100.1'],
    ['only proxies: the leftmost', '10.0.0.1', '10.0.0.3, 10.0.0.2', proxies, '10.0.0.3'],
    ['a mapped socket address', '::ffff:10.0.0.1', '198.51.100.1', proxies, '198.51.100.1'],
    ['a mapped hop', '10.0.0.1', '::FFFF:198.51.100.1', proxies, '198.51.100.1'],
    ['a mapped hop in hexadecimal', '10.0.0.1', '198.51.100.7, ::ffff:a00:2', proxies, '198.51.100.7'],
    ['a hop with a port', '10.0.0.1', '198.51.100.1:4711', proxies, '198.51.100.1'],
    ['an IPv6 hop with a port', '2001:db8:aaaa::1', '[2001:DB8:0::5]:4711', proxies, '2001:db8::5'],
    ['garbage ends the walk at what was verified', '10.0.0.1', '198.51.100.1, unknown', proxies, '10.0.0.1'],
    ['an empty header', '10.0.0.1', '', proxies, '10.0.0.1'],
    ['a socket that is already gone', undefined, '198.51.100.1', proxies, '0.0.0.0'],
  ])('%s', (_, socket, header, trusted, expected) => {
    expect(clientAddress(socket, header, trusted)).toBe(expected);
  });

  test('several header lines are one list', () => {
    expect(clientAddress('10.0.0.1', ['1.1.1.1', '198.51.100.1, 10.0.0.2'], proxies)).toBe('198.51.100.1');
  });

  test('[ASVS 15.3.4] whatever a client writes to the left, the answer is the address the trusted proxy saw', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 300 }), fc.ipV4(), (forged, seen) => {
        fc.pre(!proxies.contains(seen));
        expect(clientAddress('10.0.0.1', `${forged}, ${seen}`, proxies)).toBe(seen);
      }),
    );
  });

  test('a megabyte of header costs no more than its end', () => {
    const header = `${'1.1.1.1, '.repeat(120_000)}198.51.100.1`;
    const began = performance.now();
    for (let n = 0; n < 100; n += 1) expect(clientAddress('10.0.0.1', header, proxies)).toBe('198.51.100.1');
    expect(performance.now() - began).toBeLessThan(500);
  });
});

describe('one spelling per address', () => {
  test.each([
    ['2001:DB8:0:0:0:0:0:1', '2001:db8::1'],
    ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
    ['2001:0:0:1::1', '2001:0:0:1::1'],
    ['::', '::'],
    ['::1', '::1'],
    ['1::', '1::'],
    ['fe80::1%eth0', 'fe80::1'],
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['64:ff9b::192.0.2.1', '64:ff9b::c000:201'],
    ['192.0.2.1', '192.0.2.1'],
    ['192.0.2.256', undefined],
    ['example.org', undefined],
    ['', undefined],
  ])('%s', (text, expected) => {
    expect(normalAddress(text)).toBe(expected);
  });

  test('agrees with the URL parser`s canonical form', () => {
    fc.assert(
      fc.property(fc.ipV6(), (text) => {
        fc.pre(!/^(0{0,4}:){1,5}:?(0:)*ffff:/i.test(text));
        expect(`[${normalAddress(text)}]`).toBe(new URL(`http://[${text}]/`).hostname);
      }),
    );
  });
});

describe('limiter keys', () => {
  test('all addresses of one /64 are one caller', () => {
    expect(addressKey('2001:db8:1:2::1')).toBe('2001:db8:1:2::/64');
    expect(addressKey('2001:DB8:1:2:ffff:ffff:ffff:ffff')).toBe('2001:db8:1:2::/64');
    expect(addressKey('2001:db8:1:3::1')).not.toBe(addressKey('2001:db8:1:2::1'));
  });
  test('IPv4 counts singly, also in an IPv6 coat', () => {
    expect(addressKey('192.0.2.1')).toBe('192.0.2.1');
    expect(addressKey('::ffff:192.0.2.1')).toBe('192.0.2.1');
    expect(addressKey('192.0.2.2')).not.toBe(addressKey('192.0.2.1'));
  });
  test('what is no address shares one key', () => {
    expect(addressKey('nonsense')).toBe(addressKey(''));
  });
});
