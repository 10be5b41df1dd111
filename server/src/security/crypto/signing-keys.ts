import { type CryptoKey, calculateJwkThumbprint, exportJWK, generateKeyPair, importJWK, type JWK } from 'jose';
import { z } from 'zod';

// The keys that sign access tokens: ECDSA P-256. The private half leaves this module as text only to be sealed; the public half is published.

const ALGORITHM = 'ES256';

export interface SigningKey {
  /** RFC 7638 thumbprint of the public half: a key cannot be published under another's name. */
  readonly kid: string;
  readonly privateKey: CryptoKey;
  readonly publicKey: CryptoKey;
  readonly publicJwk: PublicSigningJwk;
}

export interface PublicSigningJwk {
  readonly kty: 'EC';
  readonly crv: 'P-256';
  readonly x: string;
  readonly y: string;
  readonly kid: string;
  readonly alg: 'ES256';
  readonly use: 'sig';
}

const coordinate = z.string().regex(/^[\w-]{43}$/);
const privateJwk = z.strictObject({
  kty: z.literal('EC'),
  crv: z.literal('P-256'),
  x: coordinate,
  y: coordinate,
  d: coordinate,
});

/** A new key, and its private half as text for `seal`. */
export async function generateSigningKey(): Promise<{ readonly key: SigningKey; readonly privateText: string }> {
  const pair = await generateKeyPair(ALGORITHM, { extractable: true });
  const privateText = JSON.stringify(await exportJWK(pair.privateKey));
  return { key: await importSigningKey(privateText), privateText };
}

/** The key from its private text. The imported halves cannot be exported again. */
export async function importSigningKey(privateText: string): Promise<SigningKey> {
  const jwk = privateJwk.parse(JSON.parse(privateText));
  const { d, ...publicPart } = jwk;
  const kid = await calculateJwkThumbprint(publicPart, 'sha256');
  return {
    kid,
    privateKey: await importKey({ ...publicPart, d }),
    publicKey: await importKey(publicPart),
    publicJwk: { ...publicPart, kid, alg: ALGORITHM, use: 'sig' },
  };
}

async function importKey(jwk: JWK): Promise<CryptoKey> {
  const key = await importJWK(jwk, ALGORITHM, { extractable: false });
  if (key instanceof Uint8Array) throw new TypeError('a symmetric key cannot sign access tokens');
  return key;
}
