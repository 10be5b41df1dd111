import { createHmac, createPublicKey } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { manualClock } from '../../server/src/lib/clock.ts';
import { openSealedKey } from '../../server/src/security/access/sealed-signing-key.ts';
import { generateSigningKey, type SigningKey } from '../../server/src/security/crypto/signing-keys.ts';
import { type Answer, freshAddress, type Person, type TestApp } from '../support/app.ts';
import { dataKeysOf } from '../support/data-keys.ts';
import { expectProblem } from '../support/expect-problem.ts';
import { aSignInTest, type SignInTest } from '../support/signing-in.ts';

// Attacks on access tokens, through the real door. The forger has what no attacker has: the server's own keys, so that each attack is
// wrong in one thing only. Every one of them must meet the same 401.

const clock = manualClock(Date.now());
let test: SignInTest;
let app: TestApp;
let person: Person;
let active: SigningKey;
let next: SigningKey;
let stranger: SigningKey;
let strangerEd: SigningKey;
let honest: { header: Record<string, unknown>; claims: Record<string, unknown>; token: string };

beforeAll(async () => {
  test = await aSignInTest(clock);
  app = test.app;
  person = await test.person('user');
  [active, next] = [await keyOfTheServer('active'), await keyOfTheServer('next')];
  stranger = (await generateSigningKey('ES256')).key;
  strangerEd = (await generateSigningKey('EdDSA')).key;
});
beforeEach(async () => {
  clock.advance(5_000);
  const { accessToken } = await test.signIn(person);
  const [header = '', claims = ''] = accessToken.split('.');
  honest = { header: decode(header), claims: decode(claims), token: accessToken };
});
afterAll(() => app?.stop());

async function keyOfTheServer(status: 'active' | 'next'): Promise<SigningKey> {
  const found = await app.database.admin.query('select * from signing_keys where status = $1', [status]);
  return openSealedKey(await dataKeysOf(app), found.rows[0]);
}

const decode = (part: string): Record<string, unknown> => JSON.parse(Buffer.from(part, 'base64url').toString());
const encode = (value: object | string): string =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');

/** Header and claims as they are given, however wrong, under a signature that is right. */
async function signed(header: object | string, claims: object | string, by = active): Promise<string> {
  const input = `${encode(header)}.${encode(claims)}`;
  const algorithm = by.algorithm === 'ES256' ? { name: 'ECDSA', hash: 'SHA-256' } : { name: 'Ed25519' };
  const signature = await crypto.subtle.sign(algorithm, by.privateKey, Buffer.from(input));
  return `${input}.${Buffer.from(signature).toString('base64url')}`;
}
const withHeader = (header: object, by?: SigningKey): Promise<string> =>
  signed({ ...honest.header, ...header }, honest.claims, by);
const withClaims = (claims: object): Promise<string> => signed(honest.header, { ...honest.claims, ...claims });
/** The honest token under another header, with the honest signature. */
const reheaded = (header: object): string => {
  const [, claims, signature] = honest.token.split('.');
  return `${encode({ ...honest.header, ...header })}.${claims}.${signature}`;
};
const seconds = (fromNow: number): number => Math.floor(clock.now() / 1000) + fromNow;

const me = (token: string): Promise<Answer> => app.call('GET', '/api/v1/auth/me', { token, from: freshAddress() });

async function expectRefused(...tokens: string[]): Promise<void> {
  for (const token of tokens) {
    const answer = await me(token);
    expectProblem(answer, 401, 'not_authenticated');
    // One answer for all: it tells a forger nothing about what was wrong.
    expect(answer.headers['www-authenticate']).toBe('Bearer, DPoP algs="ES256 EdDSA"');
    expect(answer.json).not.toHaveProperty('detail');
  }
}

describe('the forger of these tests', () => {
  it('makes good tokens when it does nothing wrong, with either key that verifies', async () => {
    for (const token of [
      honest.token,
      await signed(honest.header, honest.claims),
      await withHeader({ kid: next.kid }, next),
      await withClaims({ iat: seconds(-890), nbf: seconds(-890), exp: seconds(10) }),
    ])
      expect((await me(token)).status).toBe(200);
  });
});

describe('an access token is refused', () => {
  it('[ASVS 9.1.2] that says it needs no signature', async () => {
    for (const alg of ['none', 'None', 'NONE', '']) {
      const unsigned = reheaded({ alg }).split('.').slice(0, 2).join('.');
      await expectRefused(`${unsigned}.`, reheaded({ alg }), await withHeader({ alg }));
    }
  });

  it('[ASVS 9.1.2] that is authenticated with our public key as a shared secret', async () => {
    const key = createPublicKey({ key: { ...active.publicJwk }, format: 'jwk' });
    const secrets = [
      key.export({ type: 'spki', format: 'pem' }),
      key.export({ type: 'spki', format: 'der' }),
      JSON.stringify(active.publicJwk),
    ];
    for (const secret of secrets) {
      for (const alg of ['HS256', 'ES256']) {
        const input = `${encode({ ...honest.header, alg })}.${encode(honest.claims)}`;
        await expectRefused(`${input}.${createHmac('sha256', secret).update(input).digest('base64url')}`);
      }
    }
  });

  it('[ASVS 9.1.2] whose algorithm is not that of its key', async () => {
    await expectRefused(
      await withHeader({ alg: 'EdDSA' }),
      await withHeader({ alg: 'EdDSA' }, strangerEd),
      await withHeader({ alg: 'ES256' }, strangerEd),
      ...['ES384', 'ES512', 'ES256K', 'RS256', 'PS256', 'Ed25519', 'es256'].map((alg) => reheaded({ alg })),
    );
  });

  it('[ASVS 9.1.3] whose kid is a path, SQL, a property, nothing, or another key’s', async () => {
    const kids: unknown[] = [
      '../../../dev/null',
      "' or 1=1 --",
      `${active.kid}' union select 1`,
      '__proto__',
      'constructor',
    ];
    for (const kid of [
      ...kids,
      '',
      null,
      0,
      { $ne: null },
      [active.kid],
      `${active.kid}\0`,
      'A'.repeat(43),
      'A'.repeat(2000),
    ])
      await expectRefused(await withHeader({ kid }));
    await expectRefused(
      await withHeader({ kid: undefined }),
      await withHeader({ kid: next.kid }),
      await withHeader({ kid: active.kid }, next),
      await withHeader({ kid: active.kid }, stranger),
      await withHeader({ kid: stranger.kid }, stranger),
    );
  });

  it('[ASVS 9.1.3] that brings its key along, or says where to fetch it', async () => {
    const url = 'https://evil.example/keys';
    for (const extra of [{ jwk: stranger.publicJwk }, { jku: url }, { x5u: url }, { x5c: ['MIIB'] }, { x5t: 'AAAA' }]) {
      await expectRefused(
        await withHeader({ ...extra, kid: stranger.kid }, stranger),
        await withHeader(extra, stranger),
        await withHeader(extra),
      );
    }
  });

  it('[ASVS 9.2.2] that is of another type, though we signed it', async () => {
    for (const typ of ['JWT', 'dpop+jwt', 'id_token', 'application/at+jwt', 'AT+JWT', undefined])
      await expectRefused(await withHeader({ typ }));
  });

  it('[ASVS 9.2.1] that has ended, has not begun, or has no time', async () => {
    await expectRefused(
      await withClaims({ iat: seconds(-900), nbf: seconds(-900), exp: seconds(-6) }),
      await withClaims({ nbf: seconds(60) }),
      await withClaims({ iat: seconds(60), nbf: seconds(60), exp: seconds(120) }),
      await withClaims({ exp: undefined }),
      await withClaims({ nbf: undefined }),
      await withClaims({ iat: undefined }),
      await withClaims({ exp: String(seconds(60)) }),
      await withClaims({ exp: 1e300 }),
    );
  });

  it('[ASVS 9.2.1] that lives longer than we ever issue', async () => {
    await expectRefused(
      await withClaims({ exp: seconds(901) }),
      await withClaims({ exp: seconds(86_400 * 365) }),
      await withClaims({ iat: seconds(-86_400), nbf: seconds(-86_400), exp: seconds(600) }),
    );
  });

  it('[ASVS 9.2.1] at its end, also when it was remembered as good', async () => {
    expect((await me(honest.token)).status).toBe(200);
    clock.advance(906_000);
    await expectRefused(honest.token);
  });

  it('[ASVS 9.2.3, 9.2.4, 10.3.1] that is for another audience, or for several', async () => {
    const aud = String(honest.claims.aud);
    for (const other of [
      'https://other.example',
      `${aud}/`,
      aud.toUpperCase(),
      [aud],
      [aud, 'https://evil.example'],
      '',
      undefined,
    ])
      await expectRefused(await withClaims({ aud: other }));
  });

  it('[ASVS 9.1.3] that is from another issuer', async () => {
    for (const iss of ['https://evil.example', `${honest.claims.iss}/`, '', undefined])
      await expectRefused(await withClaims({ iss }));
  });

  it('[ASVS 9.1.1] whose last character was changed, in each of the 63 ways', async () => {
    expect((await me(honest.token)).status).toBe(200);
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
    const others = [...alphabet]
      .map((last) => honest.token.slice(0, -1) + last)
      .filter((text) => text !== honest.token);
    expect(others).toHaveLength(63);
    await expectRefused(...others);
  });

  it('[ASVS 9.1.1] whose content was changed under the honest signature', async () => {
    const [header, , signature] = honest.token.split('.');
    for (const change of [{ role: 'admin' }, { sub: 'somebody else' }, { exp: seconds(899) }, { org: 99 }])
      await expectRefused(`${header}.${encode({ ...honest.claims, ...change })}.${signature}`);
  });

  it('[ASVS 9.1.1] with anything before, after or between its parts', async () => {
    const { token } = honest;
    const [header, claims, signature] = token.split('.');
    await expectRefused(
      `${token}=`,
      `${token}==`,
      `${token}.`,
      `.${token}`,
      `${token}.${signature}`,
      `${header}.${claims}`,
      `${header}=.${claims}.${signature}`,
      `${header}..${signature}`,
      `${token}A`,
      `${token}AAAA`,
      `${header}.${claims}.${signature}~`,
      `${token}${token}`,
    );
  });

  it('[ASVS 9.1.2] with a critical extension, also the one that would leave the payload unencoded', async () => {
    await expectRefused(
      await withHeader({ crit: ['b64'], b64: false }),
      await withHeader({ crit: ['b64'], b64: true }),
      await withHeader({ b64: false }),
      await withHeader({ crit: [] }),
      await withHeader({ crit: ['exp'], exp: seconds(60) }),
    );
  });

  it('[ASVS 9.1.1] that says something twice: the last word counts, and it is checked like any other', async () => {
    const head = JSON.stringify(honest.header).slice(1);
    const body = JSON.stringify(honest.claims).slice(0, -1);
    await expectRefused(
      // The last one counts, for everybody who reads it here.
      await signed(`{${head.slice(0, -1)},"alg":"none"}`, honest.claims),
      await signed(`{${head.slice(0, -1)},"kid":"${stranger.kid}"}`, honest.claims, stranger),
      await signed(`{"kid":"${stranger.kid}",${head}`, honest.claims, stranger),
      await signed(honest.header, `${body},"exp":${seconds(-10)}}`),
      await signed(honest.header, `${body},"aud":"https://other.example"}`),
      await signed(honest.header, `${body},"admin":true}`),
    );
  });

  it('[ASVS 9.1.1] that is larger than any of ours, compressed, encrypted or no JSON at all', async () => {
    await expectRefused(
      await withClaims({ role: 'x'.repeat(2000) }),
      await signed({ ...honest.header, zip: 'DEF' }, honest.claims),
      await signed({ ...honest.header, enc: 'A256GCM' }, honest.claims),
      await signed('not JSON', honest.claims),
      await signed(honest.header, 'not JSON'),
      await signed(honest.header, '[]'),
      await signed(honest.header, 'null'),
    );
    // Beyond what is read as a credential at all.
    await expectRefused(await signed({ ...honest.header, pad: 'x'.repeat(3000) }, honest.claims), 'A'.repeat(5000));
  });

  it('[ASVS 9.1.3] of a key that was retired, from the next request on', async () => {
    expect((await me(honest.token)).status).toBe(200);
    await app.app.hostCommands['keys.retire'](0, { kid: active.kid });
    await expectRefused(honest.token);
    const jwks = await app.call('GET', '/.well-known/jwks.json', { from: freshAddress() });
    expect(jwks.json.keys.map(({ kid }: { kid: string }) => kid)).not.toContain(active.kid);
    // Nobody has to sign in again: the next key has taken over.
    const fresh = (await test.signIn(person)).accessToken;
    expect(decode(fresh.split('.')[0] ?? '').kid).toBe(next.kid);
    expect((await me(fresh)).status).toBe(200);
  });
});

it('what is published at /.well-known/jwks.json verifies our tokens and holds nothing private', async () => {
  const jwks = await app.call('GET', '/.well-known/jwks.json', { from: freshAddress() });
  expect(jwks.headers['cache-control']).toBe('public, max-age=300');
  expect(jwks.json.keys.length).toBeGreaterThanOrEqual(2);
  for (const key of jwks.json.keys)
    expect(Object.keys(key).sort()).toEqual(['alg', 'crv', 'kid', 'kty', 'use', 'x', 'y']);
  expect(jwks.json.keys.map(({ kid }: { kid: string }) => kid)).toContain(honest.header.kid);
});
