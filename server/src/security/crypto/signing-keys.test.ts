import { CompactSign, compactVerify, type JWK } from 'jose';
import { describe, expect, it } from 'vitest';
import {
  algorithmOf,
  generateSigningKey,
  importPublicKey,
  importSigningKey,
  publicKeyJwk,
  thumbprintOf,
} from './signing-keys.ts';

// Published vectors, through our own reading of keys and our own choice of the algorithm.

/** As tokens and proofs are verified: with the algorithm of the key. */
async function payloadOf(jws: string, jwk: JWK): Promise<string> {
  const key = publicKeyJwk.parse(jwk);
  const { payload } = await compactVerify(jws, await importPublicKey(key), { algorithms: [algorithmOf(key)] });
  return Buffer.from(payload).toString();
}

const rfc7515 = {
  key: {
    kty: 'EC',
    crv: 'P-256',
    x: 'f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU',
    y: 'x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0',
  },
  d: 'jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI',
  jws: 'eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q',
};
const rfc8037 = {
  key: { kty: 'OKP', crv: 'Ed25519', x: '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo' },
  d: 'nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A',
  thumbprint: 'kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k',
  jws: 'eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg',
};

describe('published vectors', () => {
  it('[ASVS 9.1.1] RFC 7515 A.3: the ES256 signature is good, and of anything else it is not', async () => {
    expect(await payloadOf(rfc7515.jws, rfc7515.key)).toBe(
      '{"iss":"joe",\r\n "exp":1300819380,\r\n "http://example.com/is_root":true}',
    );
    const [header, body, signature] = rfc7515.jws.split('.');
    await expect(payloadOf(`${header}.${body}A.${signature}`, rfc7515.key)).rejects.toThrow();
    await expect(payloadOf(rfc7515.jws, { ...rfc7515.key, x: rfc8037.key.x })).rejects.toThrow();
  });

  it('[ASVS 9.1.1] RFC 8037 A.4 and A.5: our Ed25519 signature is the published one, byte for byte, and verifies', async () => {
    const key = await importSigningKey(JSON.stringify({ ...rfc8037.key, d: rfc8037.d }));
    expect(key.algorithm).toBe('EdDSA');
    const signed = await new CompactSign(Buffer.from('Example of Ed25519 signing'))
      .setProtectedHeader({ alg: key.algorithm })
      .sign(key.privateKey);
    expect(signed).toBe(rfc8037.jws);
    expect(await payloadOf(rfc8037.jws, rfc8037.key)).toBe('Example of Ed25519 signing');
  });

  it('RFC 8037 A.3 and RFC 7638 3.1: thumbprints, whatever else is in the key', async () => {
    expect(await thumbprintOf(publicKeyJwk.parse(rfc8037.key))).toBe(rfc8037.thumbprint);
    expect(await thumbprintOf(publicKeyJwk.parse({ use: 'sig', kid: 'x', ...rfc8037.key }))).toBe(rfc8037.thumbprint);
    const { kid } = await importSigningKey(JSON.stringify({ ...rfc8037.key, d: rfc8037.d }));
    expect(kid).toBe(rfc8037.thumbprint);
    // The example of RFC 7638 is an RSA key: none that is let in here, but the same function.
    const rsa = {
      kty: 'RSA',
      n: '0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw',
      e: 'AQAB',
      alg: 'RS256',
      kid: '2011-04-29',
    };
    expect(await thumbprintOf(rsa as unknown as Parameters<typeof thumbprintOf>[0])).toBe(
      'NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs',
    );
  });

  it('[ASVS 9.1.2] RFC 7515 A.2 and A.4, RFC 7520 4.1 and 4.3: RSA and P-521 are not on our list, whatever they sign', () => {
    const p521 = {
      kty: 'EC',
      crv: 'P-521',
      x: 'AekpBQ8ST8a8VcfVOTNl353vSrDCLLJXmPk06wTjxrrjcBpXp5EOnYG_NjFZ6OvLFV1jSfS9tsz4qUxcWceqwQGk',
      y: 'ADSmRA43Z1DSNx_RvcLI87cdL07l6jQyyBXMoxVg_l2Th-x3S1WDhjDly79ajL4Kkd0AZMaZmh9ubmf63e3kyMj2',
    };
    const refused = [p521, { kty: 'RSA', n: 'AAAA', e: 'AQAB' }, { kty: 'oct', k: 'AAAA' }];
    for (const jwk of [...refused, { ...rfc7515.key, crv: 'secp256k1' }, { ...rfc8037.key, crv: 'X25519' }])
      expect(publicKeyJwk.safeParse(jwk).success).toBe(false);
  });
});

describe.each(['ES256', 'EdDSA'] as const)('a key for %s', (algorithm) => {
  it('survives being sealed as text, and cannot be exported from memory', async () => {
    const { key: original, privateText } = await generateSigningKey(algorithm);
    const restored = await importSigningKey(privateText);
    expect([restored.kid, restored.algorithm]).toEqual([original.kid, algorithm]);
    expect(restored.publicJwk).toEqual(original.publicJwk);
    expect(restored.privateKey.extractable).toBe(false);
    await expect(crypto.subtle.exportKey('jwk', restored.privateKey)).rejects.toThrow();
  });

  it('publishes nothing private', async () => {
    const { key } = await generateSigningKey(algorithm);
    const point = algorithm === 'ES256' ? ['x', 'y'] : ['x'];
    expect(Object.keys(key.publicJwk).sort()).toEqual(['alg', 'crv', 'kid', 'kty', 'use', ...point]);
    expect(key.publicJwk).toMatchObject({ alg: algorithm, use: 'sig', kid: key.kid });
  });

  it('is not made from a text that holds another kind of key, or half of one', async () => {
    const { key, privateText } = await generateSigningKey(algorithm);
    for (const text of [
      JSON.stringify({ kty: 'oct', k: 'AAAA' }),
      JSON.stringify(key.publicJwk),
      JSON.stringify({ ...JSON.parse(privateText), crv: algorithm === 'ES256' ? 'P-384' : 'Ed448' }),
    ])
      await expect(importSigningKey(text)).rejects.toThrow();
  });
});
