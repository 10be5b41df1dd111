import { createPrivateKey, X509Certificate } from 'node:crypto';

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----/g;
const MOST_CERTIFICATES = 20;

/** What is wrong with a text that should hold certificates, or undefined. */
export function faultOfCertificates(pem: string): string | undefined {
  const blocks = pem.match(CERTIFICATE) ?? [];
  if (blocks.length === 0) return 'holds no certificate';
  if (blocks.length > MOST_CERTIFICATES) return `holds more than ${MOST_CERTIFICATES} certificates`;
  return blocks.every((block) => certificateOf(block) !== undefined)
    ? undefined
    : 'holds a certificate that cannot be read';
}

/** What is wrong with the private key of a certificate, or undefined. */
export function faultOfKey(certificatePem: string, keyPem: string): string | undefined {
  const certificate = certificateOf(certificatePem);
  try {
    return certificate?.checkPrivateKey(createPrivateKey(keyPem)) ? undefined : 'is not the key of the certificate';
  } catch {
    return 'cannot be read; it must be PEM without a passphrase';
  }
}

function certificateOf(pem: string): X509Certificate | undefined {
  try {
    return new X509Certificate(pem);
  } catch {
    return undefined;
  }
}
