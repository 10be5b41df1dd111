import { type CryptoKey, calculateJwkThumbprint, exportJWK, generateKeyPair, importJWK, type JWK } from 'jose';
import { z } from 'zod';

// The keys that sign access tokens: ECDSA P-256 (ES256) or Ed25519 (EdDSA). The private half leaves this module as text only to be sealed; the
// public half is published.

export const signingAlgorithms = ['ES256', 'EdDSA'] as const;
export type SigningAlgorithm = (typeof signingAlgorithms)[number];

export interface SigningKey {
  /** RFC 7638 thumbprint of the public half: a key cannot be published under another's name. */
  readonly kid: string;
  /** What it signs with. Follows from the key itself, never from what a token or a row says. */
  readonly algorithm: SigningAlgorithm;
  readonly privateKey: CryptoKey;
  readonly publicKey: CryptoKey;
  readonly publicJwk: PublicSigningJwk;
}

/** The public half alone, as RFC 7517 and RFC 8037 write it. 43 characters of base64url are 32 bytes. */
const coordinate = z.string().regex(/^[\w-]{43}$/);
const ecPoint = { kty: z.literal('EC'), crv: z.literal('P-256'), x: coordinate, y: coordinate };
const edPoint = { kty: z.literal('OKP'), crv: z.literal('Ed25519'), x: coordinate };
export const publicKeyJwk = z.discriminatedUnion('kty', [z.object(ecPoint), z.object(edPoint)]);
export type PublicKeyJwk = z.infer<typeof publicKeyJwk>;

const privateKeyJwk = z.discriminatedUnion('kty', [
  z.strictObject({ ...ecPoint, d: coordinate }),
  z.strictObject({ ...edPoint, d: coordinate }),
]);

export type PublicSigningJwk = PublicKeyJwk & {
  readonly kid: string;
  readonly alg: SigningAlgorithm;
  readonly use: 'sig';
};

export const algorithmOf = ({ kty }: PublicKeyJwk): SigningAlgorithm => (kty === 'EC' ? 'ES256' : 'EdDSA');

/** RFC 7638, SHA-256. */
export const thumbprintOf = (jwk: PublicKeyJwk): Promise<string> => calculateJwkThumbprint(jwk, 'sha256');

/** A new key, and its private half as text for `seal`. */
export async function generateSigningKey(
  algorithm: SigningAlgorithm,
): Promise<{ readonly key: SigningKey; readonly privateText: string }> {
  const pair = await generateKeyPair(algorithm, { extractable: true });
  const privateText = JSON.stringify(await exportJWK(pair.privateKey));
  return { key: await importSigningKey(privateText), privateText };
}

/** The key from its private text. The imported halves cannot be exported again. */
export async function importSigningKey(privateText: string): Promise<SigningKey> {
  const { d, ...publicPart } = privateKeyJwk.parse(JSON.parse(privateText));
  const kid = await thumbprintOf(publicPart);
  const algorithm = algorithmOf(publicPart);
  return {
    kid,
    algorithm,
    privateKey: await importKey({ ...publicPart, d }, algorithm),
    publicKey: await importPublicKey(publicPart),
    publicJwk: { ...publicPart, kid, alg: algorithm, use: 'sig' },
  };
}

/** For verifying with. The algorithm is the one of the key's own kind. */
export const importPublicKey = (jwk: PublicKeyJwk): Promise<CryptoKey> => importKey(jwk, algorithmOf(jwk));

async function importKey(jwk: JWK, algorithm: SigningAlgorithm): Promise<CryptoKey> {
  const key = await importJWK(jwk, algorithm, { extractable: false });
  if (key instanceof Uint8Array) throw new TypeError('a symmetric key cannot sign access tokens');
  return key;
}
