// The certificate library registers its algorithms through reflection and wants this loaded first.
import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import { cryptoProvider } from '@peculiar/x509';

cryptoProvider.set(webcrypto as Crypto);

/** What our authorities sign with, and the keys we make ourselves. */
export const signatureAlgorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;

export interface Issued {
  readonly certificatePem: string;
  readonly privateKeyPem: string;
}

export const newKeys = () => webcrypto.subtle.generateKey(signatureAlgorithm, true, ['sign', 'verify']);

/** The key for signing only; it cannot be taken out again. */
export const importSigningKey = (privateKeyPem: string) =>
  webcrypto.subtle.importKey('pkcs8', new Uint8Array(pemBytes(privateKeyPem)), signatureAlgorithm, false, ['sign']);

export const privatePem = async (key: webcrypto.CryptoKey): Promise<string> =>
  toPem('PRIVATE KEY', Buffer.from(await webcrypto.subtle.exportKey('pkcs8', key)));

export function toPem(label: string, der: Buffer): string {
  const lines = der
    .toString('base64')
    .replaceAll(/(.{64})/g, '$1\n')
    .trim();
  return `-----BEGIN ${label}-----\n${lines}\n-----END ${label}-----\n`;
}

export const pemBytes = (pem: string): Buffer => Buffer.from(pem.replaceAll(/-----[^-]+-----|\s/g, ''), 'base64');
