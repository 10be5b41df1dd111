import { describe, expect, test } from 'vitest';
import { apiHeaders, assetHeaders, htmlHeaders, newNonce, strictTransport } from './headers.ts';

const nonce = newNonce();
const kinds = [
  ['api', apiHeaders()],
  ['asset', assetHeaders()],
  ['html', htmlHeaders(nonce)],
] as const;

describe.each(kinds)('%s answers', (_, headers) => {
  test('[ASVS 3.4.6] cannot be framed, sniffed, or embedded by another site, and leak no referrer', () => {
    expect(headers).toMatchObject({
      'x-content-type-options': 'nosniff',
      'x-frame-options': 'DENY',
      'referrer-policy': 'no-referrer',
      'cross-origin-opener-policy': 'same-origin',
      'cross-origin-resource-policy': 'same-origin',
    });
    expect(headers['content-security-policy']).toContain("frame-ancestors 'none'");
  });
  test('allow nothing by default and nothing unsafe', () => {
    expect(headers['content-security-policy']).toMatch(/^default-src 'none';/);
    expect(headers['content-security-policy']).not.toMatch(/unsafe|https?:|\*/);
  });
  test('do not name the software', () => {
    expect(Object.keys(headers)).not.toContain('server');
    expect(Object.keys(headers)).not.toContain('x-powered-by');
  });
  test('are lower case names with values a header may hold', () => {
    for (const [name, value] of Object.entries(headers)) {
      expect(name).toMatch(/^[a-z-]+$/);
      expect(value).toMatch(/^[\x20-\x7e]+$/);
    }
  });
});

test('a host of its own forces HTTPS for longer than half a year, its subdomains too', () => {
  const header = strictTransport(new URL('https://telemetry.example.org'))['strict-transport-security'] ?? '';
  expect(Number(/max-age=(\d+)/.exec(header)?.[1])).toBeGreaterThan(15_768_000);
  expect(header).toContain('includeSubDomains');
});

test.each([
  'https://localhost:8000',
  'https://localhost.:8000',
  'https://demo.localhost',
  'https://127.0.0.1:8000',
  'https://[::1]:8000',
  'https://192.0.2.7',
  'http://telemetry.example.org',
])('%s does not force HTTPS on whatever else runs there', (url) => {
  expect(strictTransport(new URL(url))).toEqual({});
});

test('[ASVS 14.3.2] api answers are never kept', () => {
  expect(apiHeaders()['cache-control']).toBe('no-store');
});

test('[ASVS 3.4.3, 3.6.1, 3.7.1] a page runs only our own scripts, and its styles carry the nonce of this answer', () => {
  const policy = htmlHeaders(nonce)['content-security-policy'] ?? '';
  expect(policy.split('; ')).toEqual([
    "default-src 'none'",
    "script-src 'self'",
    `style-src 'self' 'nonce-${nonce}'`,
    "img-src 'self' data:",
    "font-src 'self'",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'self'",
    "frame-ancestors 'none'",
  ]);
});

test('a nonce is new each time and cannot smuggle a directive', () => {
  expect(newNonce()).not.toBe(newNonce());
  expect(() => htmlHeaders("x'; script-src *")).toThrow(RangeError);
  expect(() => htmlHeaders('')).toThrow(RangeError);
});
