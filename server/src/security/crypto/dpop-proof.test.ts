import { createHmac, createPublicKey } from 'node:crypto';
import { exportJWK } from 'jose';
import { beforeAll, describe, expect, it } from 'vitest';
import { aDpopClient, type DpopClient } from '../../../../tests/support/dpop-client.ts';
import { DpopProofError, type ProofTarget, verifyDpopProof } from './dpop-proof.ts';

const NOW = Date.UTC(2026, 0, 1);
const target: ProofTarget = { method: 'GET', url: 'https://v.example/api/v1/devices', accessToken: 'a.b.c' };
const request = { method: 'GET', url: target.url, token: 'a.b.c' };
let client: DpopClient;
let edClient: DpopClient;

beforeAll(async () => {
  client = await aDpopClient(() => NOW);
  edClient = await aDpopClient(() => NOW, 'EdDSA');
});

async function outcome(text: string, of: ProofTarget = target, now = NOW): Promise<string> {
  try {
    await verifyDpopProof(text, of, now);
    return 'accepted';
  } catch (error) {
    if (error instanceof DpopProofError) return error.problem;
    throw error;
  }
}

const encode = (value: unknown): string =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');

// RFC 9449, figures 2 and 12: the same key, once where tokens are given out and once with a token.
const HEADER =
  'eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0RscEJoRjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19';
const AT_LOGIN = `${HEADER}.eyJqdGkiOiItQndDM0VTYzZhY2MybFRjIiwiaHRtIjoiUE9TVCIsImh0dSI6Imh0dHBzOi8vc2VydmVyLmV4YW1wbGUuY29tL3Rva2VuIiwiaWF0IjoxNTYyMjYyNjE2fQ.2-GxA6T8lP4vfrg8v-FdWP0A0zdrj8igiMLvqRMUvwnQg4PtFLbdLXiOSsX0x7NVY-FNyJK70nfbV37xRZT3Lg`;
const WITH_TOKEN = `${HEADER}.eyJqdGkiOiJlMWozVl9iS2ljOC1MQUVCIiwiaHRtIjoiR0VUIiwiaHR1IjoiaHR0cHM6Ly9yZXNvdXJjZS5leGFtcGxlLm9yZy9wcm90ZWN0ZWRyZXNvdXJjZSIsImlhdCI6MTU2MjI2MjYxOCwiYXRoIjoiZlVIeU8ycjJaM0RaNTNFc05yV0JiMHhXWG9hTnk1OUlpS0NBcWtzbVFFbyJ9.2oW9RP35yRqzhrtNP86L-Ey71EOptxRimPPToA1plemAgR6pxHF8y6-yqyVnmcw6Fy1dqd-jfxSYoMxhAJpLjA`;
const TOKEN = 'Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU';

describe('the examples of RFC 9449', () => {
  const login = { method: 'POST', url: 'https://server.example.com/token' };
  const resource = { method: 'GET', url: 'https://resource.example.org/protectedresource', accessToken: TOKEN };

  it('[ASVS 9.1.1, 10.3.5] are accepted for what they are for, and prove the key of the thumbprint in section 6.1', async () => {
    const first = await verifyDpopProof(AT_LOGIN, login, 1_562_262_616_000);
    const second = await verifyDpopProof(WITH_TOKEN, resource, 1_562_262_618_000);
    for (const { thumbprint } of [first, second])
      expect(thumbprint).toBe('0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I');
    expect(first.hash.equals(second.hash)).toBe(false);
  });

  it('[ASVS 10.3.5] are refused for anything else', async () => {
    expect(await outcome(AT_LOGIN, login, 1_562_262_616_000 + 60_001)).toBe('not-now');
    expect(await outcome(AT_LOGIN, { ...login, method: 'GET' }, 1_562_262_616_000)).toBe('another-request');
    expect(await outcome(AT_LOGIN, { ...login, accessToken: TOKEN }, 1_562_262_616_000)).toBe('another-request');
    expect(await outcome(WITH_TOKEN, { ...resource, accessToken: `${TOKEN}x` }, 1_562_262_618_000)).toBe(
      'another-request',
    );
    expect(await outcome(WITH_TOKEN, { ...resource, url: login.url }, 1_562_262_618_000)).toBe('another-request');
  });
});

describe('a proof', () => {
  it('of either algorithm is accepted, and proves the key that signed it', async () => {
    for (const one of [client, edClient]) {
      const { thumbprint } = await verifyDpopProof(await one.proof(request), target, NOW);
      expect(thumbprint).toBe(one.thumbprint);
    }
  });

  it.each([-60, -1, 0, 1, 60])('made %i s from now is in time', async (seconds) => {
    const text = await client.proof({ ...request, claims: { iat: NOW / 1000 + seconds } });
    expect(await outcome(text)).toBe('accepted');
  });

  it.each([-61, 61, -1e9, 1e9])('[ASVS 9.2.1] made %i s from now is not', async (seconds) => {
    const text = await client.proof({ ...request, claims: { iat: NOW / 1000 + seconds } });
    expect(await outcome(text)).toBe('not-now');
  });

  it.each<[string, string]>([
    ['query and fragment', 'https://v.example/api/v1/devices?limit=1#top'],
    ['the default port', 'https://v.example:443/api/v1/devices'],
    ['capitals in scheme and host', 'HTTPS://V.Example/api/v1/devices'],
    ['dot segments', 'https://v.example/api/v1/x/../devices'],
  ])('whose address differs only by %s is for this request (RFC 3986, 6.2)', async (_, url) => {
    expect(await outcome(await client.proof({ ...request, url }))).toBe('accepted');
  });

  it.each<[string, Record<string, unknown>]>([
    ['method', { htm: 'POST' }],
    ['spelling of the method', { htm: 'get' }],
    ['path', { htu: 'https://v.example/api/v1/users' }],
    ['trailing slash', { htu: 'https://v.example/api/v1/devices/' }],
    ['capitals in the path', { htu: 'https://v.example/API/v1/devices' }],
    ['host', { htu: 'https://evil.example/api/v1/devices' }],
    ['port', { htu: 'https://v.example:8443/api/v1/devices' }],
    ['scheme', { htu: 'http://v.example/api/v1/devices' }],
    ['user in the address', { htu: 'https://a:b@v.example/api/v1/devices' }],
    ['token', { ath: 'AAAA' }],
    ['missing token', { ath: undefined }],
  ])('[ASVS 10.3.5] for another request is refused: %s', async (_, claims) => {
    expect(await outcome(await client.proof({ ...request, claims }))).toBe('another-request');
  });

  it.each<[string, Record<string, unknown>]>([
    ['no id', { jti: undefined }],
    ['an empty id', { jti: '' }],
    ['a long id', { jti: 'x'.repeat(257) }],
    ['an id that is a number', { jti: 7 }],
    ['no method', { htm: undefined }],
    ['no address', { htu: undefined }],
    ['an address that is a path', { htu: '/api/v1/devices' }],
    ['no time', { iat: undefined }],
    ['a time that is text', { iat: '1' }],
  ])('with %s is none', async (_, claims) => {
    expect(await outcome(await client.proof({ ...request, claims }))).toBe('malformed');
  });

  it.each<[string, () => Record<string, unknown>]>([
    ['[ASVS 9.2.2] the type of an access token', () => ({ typ: 'at+jwt' })],
    ['[ASVS 9.2.2] no type', () => ({ typ: undefined })],
    ['no key', () => ({ jwk: undefined })],
    ['a symmetric key', () => ({ jwk: { kty: 'oct', k: 'AAAA' } })],
    ['a key of another curve', () => ({ jwk: { ...client.jwk, crv: 'P-521' } })],
    ['a point that is on no curve', () => ({ jwk: { ...client.jwk, y: 'A'.repeat(43) } })],
    ['[ASVS 9.1.3] a key to be fetched', () => ({ jku: 'https://evil.example/jwks.json' })],
    ['[ASVS 9.1.3] a certificate', () => ({ x5c: ['AAAA'] })],
    ['a kid beside the key', () => ({ kid: 'k' })],
  ])('whose header has %s is none', async (_, header) => {
    expect(await outcome(await client.proof({ ...request, header: header() }))).toBe('malformed');
  });

  it('that shows the private key is refused', async () => {
    const jwk = await exportJWK(client.privateKey);
    expect(jwk.d).toBeDefined();
    expect(await outcome(await client.proof({ ...request, header: { jwk } }))).toBe('malformed');
  });

  it('[ASVS 9.1.2] is verified with the algorithm of its key: none, HS256 with the public key, and a mix are refused', async () => {
    const [, body = '', signature = ''] = (await client.proof(request)).split('.');
    const head = (alg: string, jwk: object): string => encode({ typ: 'dpop+jwt', alg, jwk });
    expect(await outcome(`${head('none', client.jwk)}.${body}.`)).toBe('malformed');
    expect(await outcome(`${head('none', client.jwk)}.${body}.${signature}`)).toBe('malformed');
    const pem = createPublicKey({ key: client.jwk, format: 'jwk' }).export({ type: 'spki', format: 'pem' });
    for (const alg of ['HS256', 'ES256']) {
      const input = `${head(alg, client.jwk)}.${body}`;
      const forged = `${input}.${createHmac('sha256', pem).update(input).digest('base64url')}`;
      expect(await outcome(forged)).toMatch(/malformed|bad-signature/);
    }
    expect(await outcome(`${head('EdDSA', client.jwk)}.${body}.${signature}`)).toBe('malformed');
    expect(await outcome(`${head('ES256', edClient.jwk)}.${body}.${signature}`)).toBe('malformed');
  });

  it('[ASVS 9.1.1] signed by another key than it shows is refused', async () => {
    const stranger = await aDpopClient(() => NOW);
    expect(await outcome(await stranger.proof({ ...request, header: { jwk: client.jwk } }))).toBe('bad-signature');
  });

  it('has one spelling', async () => {
    const text = await client.proof(request);
    for (const other of [`${text} `, ` ${text}`, `${text}\n`, `${text}=`, `${text}.`, `${text},${text}`, ''])
      expect(await outcome(other)).toBe('malformed');
    const long = await client.proof({ ...request, claims: { more: 'x'.repeat(3000) } });
    expect(await outcome(long)).toBe('malformed');
  });
});
