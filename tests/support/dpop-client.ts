import { randomUUID } from 'node:crypto';
import { type CryptoKey, calculateJwkThumbprint, exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose';
import { tokenHash } from '../../server/src/security/crypto/tokens.ts';

/** A client that holds a key and proves it, as a library for RFC 9449 would; what it says can be bent. */
export interface DpopClient {
  readonly thumbprint: string;
  readonly jwk: JWK;
  readonly privateKey: CryptoKey;
  proof(request: {
    method: string;
    url: string;
    token?: string;
    claims?: Record<string, unknown>;
    header?: Record<string, unknown>;
  }): Promise<string>;
}

export async function aDpopClient(now: () => number, alg: 'ES256' | 'EdDSA' = 'ES256'): Promise<DpopClient> {
  const { publicKey, privateKey } = await generateKeyPair(alg, { extractable: true });
  const jwk = await exportJWK(publicKey);
  return {
    jwk,
    privateKey,
    thumbprint: await calculateJwkThumbprint(jwk),
    proof: ({ method, url, token, claims = {}, header = {} }) =>
      new SignJWT({
        jti: randomUUID(),
        htm: method,
        htu: url,
        iat: Math.floor(now() / 1000),
        ...(token === undefined ? {} : { ath: tokenHash(token).toString('base64url') }),
        ...claims,
      })
        .setProtectedHeader({ typ: 'dpop+jwt', alg, jwk, ...header })
        .sign(privateKey),
  };
}
