import 'reflect-metadata';
import { createPublicKey, type KeyObject } from 'node:crypto';
import { Pkcs10CertificateRequest, type PublicKey } from '@peculiar/x509';
import './keys.ts';

export type DeviceKeyType = 'P-256' | 'P-384' | 'Ed25519' | 'RSA';

/** Whom the certificate will be for is ours to say, so of a request there is nothing but the key. */
export interface RequestedKey {
  readonly publicKey: PublicKey;
  readonly keyType: DeviceKeyType;
}

export class CertificateRequestError extends Error {
  override readonly name = 'CertificateRequestError';
}

const PEM =
  /^\s*-----BEGIN (NEW )?CERTIFICATE REQUEST-----[A-Za-z0-9+/=\s]+-----END (NEW )?CERTIFICATE REQUEST-----\s*$/;
/** NIST SP 800-131A: SHA-1 and below prove nothing; what the library cannot name has no hash at all. */
const STRONG_HASHES = new Set(['SHA-256', 'SHA-384', 'SHA-512']);
/** NIST SP 800-57: 112 bits of security at least; above 4,096 bits only the handshake gets slower, and ours is the side that waits. */
const RSA_BITS = { least: 2048, most: 4096 } as const;
const RSA_EXPONENT = 65_537n;

/**
 * Reads a PKCS#10 request (RFC 2986). Its signature proves that the sender holds the private key; without the check, anybody could have a
 * certificate for a public key of somebody else. Throws a CertificateRequestError that says what is wrong and may be shown.
 */
export async function readCertificateRequest(pem: string): Promise<RequestedKey> {
  if (!PEM.test(pem)) throw new CertificateRequestError('is not a PKCS#10 request in PEM');
  const request = parsed(pem);
  const keyType = keyTypeOf(keyObject(request.publicKey));
  const { hash } = request.signatureAlgorithm;
  if (keyType !== 'Ed25519' && !STRONG_HASHES.has(hash?.name)) {
    throw new CertificateRequestError('is signed with a weak hash; use SHA-256');
  }
  if (!(await isSignedByItsKey(request))) throw new CertificateRequestError('is not signed by its own key');
  return { publicKey: request.publicKey, keyType };
}

function parsed(pem: string): Pkcs10CertificateRequest {
  try {
    return new Pkcs10CertificateRequest(pem);
  } catch {
    throw new CertificateRequestError('is not a PKCS#10 request in PEM');
  }
}

function keyObject(publicKey: PublicKey): KeyObject {
  try {
    return createPublicKey({ key: Buffer.from(publicKey.rawData), format: 'der', type: 'spki' });
  } catch {
    throw new CertificateRequestError('holds a public key that cannot be read');
  }
}

async function isSignedByItsKey(request: Pkcs10CertificateRequest): Promise<boolean> {
  try {
    return await request.verify();
  } catch {
    return false;
  }
}

function keyTypeOf({ asymmetricKeyType, asymmetricKeyDetails = {} }: KeyObject): DeviceKeyType {
  const { namedCurve, modulusLength = 0, publicExponent } = asymmetricKeyDetails;
  if (asymmetricKeyType === 'ed25519') return 'Ed25519';
  if (asymmetricKeyType === 'ec' && namedCurve === 'prime256v1') return 'P-256';
  if (asymmetricKeyType === 'ec' && namedCurve === 'secp384r1') return 'P-384';
  const isFitRsa =
    asymmetricKeyType === 'rsa' &&
    modulusLength >= RSA_BITS.least &&
    modulusLength <= RSA_BITS.most &&
    publicExponent === RSA_EXPONENT;
  if (isFitRsa) return 'RSA';
  throw new CertificateRequestError('has a key of another kind than P-256, P-384, Ed25519, RSA of 2,048 to 4,096 bits');
}
