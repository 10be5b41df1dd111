import { createHmac, createPublicKey } from 'node:crypto';
import fc from 'fast-check';
import { type JWTPayload, SignJWT } from 'jose';
import { beforeAll, describe, expect, test } from 'vitest';
import { type ManualClock, manualClock } from '../../lib/clock.ts';
import { AccessTokenError, type AccessTokenSubject, type AccessTokens, createAccessTokens } from './access-tokens.ts';
import { generateSigningKey, type SigningKey } from './signing-keys.ts';

const START = Date.UTC(2026, 0, 1);
const subject: AccessTokenSubject = {
  userId: 'u1',
  organisationId: 3,
  role: 'operator',
  authzVersion: 4,
  familyId: 'f1',
};
let key: SigningKey;
let stranger: SigningKey;

beforeAll(async () => {
  key = (await generateSigningKey('ES256')).key;
  stranger = (await generateSigningKey('ES256')).key;
});

function setUp(ttlSeconds = 900): { tokens: AccessTokens; clock: ManualClock; known: Map<string, SigningKey> } {
  const clock = manualClock(START);
  const known = new Map([[key.kid, key]]);
  const keys = {
    active: () => key,
    find: (kid: string) => known.get(kid),
    lookUp: async (kid: string) => known.get(kid),
    onRetired: () => undefined,
  };
  return {
    tokens: createAccessTokens({ keys, issuer: 'https://v', audience: 'https://v/api', clock, ttlSeconds }),
    clock,
    known,
  };
}

async function refusal(tokens: AccessTokens, token: string): Promise<string> {
  try {
    await tokens.verify(token);
  } catch (error) {
    if (error instanceof AccessTokenError) return error.problem;
    throw error;
  }
  return 'accepted';
}

const now = START / 1000;
const validClaims: Record<string, unknown> = {
  iss: 'https://v',
  aud: 'https://v/api',
  sub: 'u1',
  org: 3,
  role: 'operator',
  av: 4,
  fam: 'f1',
  jti: 'j1',
  iat: now,
  nbf: now,
  exp: now + 900,
};

function forge(
  claims: Record<string, unknown>,
  header: Record<string, unknown> = {},
  by: SigningKey = key,
): Promise<string> {
  return new SignJWT(claims as JWTPayload)
    .setProtectedHeader({ alg: 'ES256', typ: 'at+jwt', kid: key.kid, ...header })
    .sign(by.privateKey);
}

const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');

describe('what we issue', () => {
  test('verifies, again and again, with everything it was issued for', async () => {
    const { tokens } = setUp();
    const issued = await tokens.issue(subject);
    expect(issued).toMatchObject({ expiresInSeconds: 900, expiresAt: START + 900_000 });
    for (let i = 0; i < 3; i++) {
      expect(await tokens.verify(issued.token)).toEqual({
        ...subject,
        tokenId: issued.tokenId,
        issuedAt: START,
        expiresAt: START + 900_000,
      });
    }
  });

  test('for a browser session carries the session instead of a family', async () => {
    const { tokens } = setUp();
    const { familyId: _, ...rest } = subject;
    const { token } = await tokens.issue({ ...rest, sessionId: 's1' });
    expect(await tokens.verify(token)).toMatchObject({ sessionId: 's1' });
  });

  test('is accepted by another server that shares the keys, its clock a little behind', async () => {
    const { tokens } = setUp();
    const other = setUp();
    other.clock.advance(-4000);
    expect(await other.tokens.verify((await tokens.issue(subject)).token)).toMatchObject({ userId: 'u1' });
  });

  test('ends at its time, remembered or not', async () => {
    const { tokens, clock } = setUp();
    const { token } = await tokens.issue(subject);
    await tokens.verify(token);
    clock.advance(899_999);
    expect(await refusal(tokens, token)).toBe('accepted');
    clock.advance(5_002);
    expect(await refusal(tokens, token)).toBe('expired');
  });

  test('stops being accepted the moment its key is no longer ours, remembered or not', async () => {
    const { tokens, known } = setUp();
    const { token } = await tokens.issue(subject);
    await tokens.verify(token);
    known.clear();
    expect(await refusal(tokens, token)).toBe('unknown-key');
  });
});

describe('the algorithm', () => {
  test('[ASVS 9.1.2] is that of the key: tokens of both kinds are good side by side, and none under the other’s name', async () => {
    const { tokens, known } = setUp();
    const ed = (await generateSigningKey('EdDSA')).key;
    known.set(ed.kid, ed);
    const named = (alg: string, kid: string, by: SigningKey) =>
      new SignJWT(validClaims as JWTPayload).setProtectedHeader({ alg, typ: 'at+jwt', kid }).sign(by.privateKey);
    expect(await refusal(tokens, await named('ES256', key.kid, key))).toBe('accepted');
    expect(await refusal(tokens, await named('EdDSA', ed.kid, ed))).toBe('accepted');
    expect(await refusal(tokens, await named('EdDSA', key.kid, ed))).toBe('malformed');
    expect(await refusal(tokens, await named('ES256', ed.kid, key))).toBe('malformed');
    // Another spelling of the same algorithm (RFC 9864) is not one we issue.
    expect(await refusal(tokens, await named('Ed25519', ed.kid, ed))).toBe('malformed');
  });
});

describe('a hostile token is refused', () => {
  test('the forger used below makes acceptable tokens when it does nothing wrong', async () => {
    expect(await refusal(setUp().tokens, await forge(validClaims))).toBe('accepted');
  });

  test.each(['none', 'None', 'HS256', 'ES384', 'EdDSA'])('[ASVS 9.1.2] algorithm %s in the header', async (alg) => {
    const signed = await forge(validClaims);
    const [, body, signature] = signed.split('.');
    const forgedHeader = encode({ alg, typ: 'at+jwt', kid: key.kid });
    expect(await refusal(setUp().tokens, `${forgedHeader}.${body}.${signature}`)).toBe('malformed');
    expect(await refusal(setUp().tokens, `${forgedHeader}.${body}.`)).toBe('malformed');
  });

  test('[ASVS 9.1.2] HS256 keyed with our public key', async () => {
    const pem = createPublicKey({ key: { ...key.publicJwk }, format: 'jwk' }).export({ type: 'spki', format: 'pem' });
    for (const alg of ['HS256', 'ES256']) {
      const input = `${encode({ alg, typ: 'at+jwt', kid: key.kid })}.${encode(validClaims)}`;
      const token = `${input}.${createHmac('sha256', pem).update(input).digest('base64url')}`;
      expect(await refusal(setUp().tokens, token)).toMatch(/malformed|bad-signature/);
    }
  });

  test.each<[string, Record<string, unknown>]>([
    ['another type', { typ: 'JWT' }],
    ['no type', { typ: undefined }],
    ['no kid', { kid: undefined }],
    ['a kid that is a path', { kid: '../../etc/passwd' }],
    ['a kid that is SQL', { kid: "' or 1=1 --" }],
    ['a kid that is an object', { kid: { $ne: null } }],
    ['a kid named like a property', { kid: '__proto__' }],
    ['a jku', { jku: 'https://evil.example/jwks.json' }],
    ['an x5u', { x5u: 'https://evil.example/c.pem' }],
    ['an x5c', { x5c: ['AAAA'] }],
  ])('[ASVS 9.1.3, 9.2.2] header with %s', async (_, header) => {
    expect(await refusal(setUp().tokens, await forge(validClaims, header))).toMatch(/malformed|unknown-key/);
  });

  test('[ASVS 9.1.3] header that brings its own key', async () => {
    const token = await forge(validClaims, { jwk: stranger.publicJwk }, stranger);
    expect(await refusal(setUp().tokens, token)).toBe('malformed');
  });

  test('header with a critical extension', async () => {
    const [, body, signature] = (await forge(validClaims)).split('.');
    const header = encode({ alg: 'ES256', typ: 'at+jwt', kid: key.kid, crit: ['b64'], b64: true });
    expect(await refusal(setUp().tokens, `${header}.${body}.${signature}`)).toBe('malformed');
  });

  test('[ASVS 9.1.1] signature of a stranger under our kid, or under its own', async () => {
    expect(await refusal(setUp().tokens, await forge(validClaims, {}, stranger))).toBe('bad-signature');
    expect(await refusal(setUp().tokens, await forge(validClaims, { kid: stranger.kid }, stranger))).toBe(
      'unknown-key',
    );
  });

  test.each<[string, Record<string, unknown>, string]>([
    ['another issuer', { iss: 'https://evil' }, 'bad-claims'],
    ['another audience', { aud: 'https://v/other' }, 'bad-claims'],
    ['several audiences', { aud: ['https://v/api', 'https://evil'] }, 'bad-claims'],
    ['no subject', { sub: undefined }, 'bad-claims'],
    ['no expiry', { exp: undefined }, 'bad-claims'],
    ['no id', { jti: undefined }, 'bad-claims'],
    ['no not-before', { nbf: undefined }, 'bad-claims'],
    ['expiry in the past', { iat: now - 1000, nbf: now - 1000, exp: now - 100 }, 'expired'],
    ['an expiry further off than we issue', { exp: now + 901 }, 'bad-claims'],
    ['issue time in the future', { iat: now + 60, nbf: now, exp: now + 900 }, 'bad-claims'],
    ['not-before in the future', { nbf: now + 60 }, 'bad-claims'],
    ['issue time long ago', { iat: now - 10_000 }, 'expired'],
    ['an organisation that is text', { org: '3' }, 'bad-claims'],
    ['neither session nor family', { fam: undefined }, 'bad-claims'],
    ['both session and family', { sid: 's1' }, 'bad-claims'],
    ['a claim we never write', { admin: true }, 'bad-claims'],
  ])('[ASVS 9.2.1, 9.2.3] signed by us but with %s', async (_, claims, problem) => {
    expect(await refusal(setUp().tokens, await forge({ ...validClaims, ...claims }))).toBe(problem);
  });

  test('[ASVS 9.1.1] every other spelling of a valid token, also after the valid one was remembered', async () => {
    const { tokens } = setUp();
    const { token } = await tokens.issue(subject);
    await tokens.verify(token);
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
    // The last character carries bits beyond the signature: a lenient decoder reads four spellings as the same bytes.
    const lastCharacters = [...alphabet]
      .map((character) => token.slice(0, -1) + character)
      .filter((text) => text !== token);
    const padded = [
      `${token} `,
      ` ${token}`,
      `${token}\n`,
      `${token}=`,
      `${token}==`,
      token.replaceAll('.', '. '),
      `${token}.`,
      `.${token}`,
      `Bearer ${token}`,
    ];
    const standardAlphabet = token.replaceAll('-', '+').replaceAll('_', '/');
    for (const text of [...lastCharacters, ...padded, ...(standardAlphabet === token ? [] : [standardAlphabet])]) {
      expect(await refusal(tokens, text), JSON.stringify(text.slice(-8))).not.toBe('accepted');
    }
  });

  test('[ASVS 9.1.1] any change of any one character', async () => {
    const { tokens } = setUp();
    const { token } = await tokens.issue(subject);
    await fc.assert(
      fc.asyncProperty(
        fc.nat(token.length - 1),
        fc.constantFrom(...'AQgw09_-.=+/ \n\0é'),
        async (position, character) => {
          fc.pre(token[position] !== character);
          expect(await refusal(tokens, token.slice(0, position) + character + token.slice(position + 1))).not.toBe(
            'accepted',
          );
        },
      ),
      { numRuns: 300 },
    );
  });

  test.each(['', '.', '..', 'a.b.c', 'null', `${'A'.repeat(5000)}.A.A`, '\0', 'eyJ.eyJ.eyJ'])(
    'text %j',
    async (text) => {
      expect(await refusal(setUp().tokens, text)).toBe('malformed');
    },
  );
});
