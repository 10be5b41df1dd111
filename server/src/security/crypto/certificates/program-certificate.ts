import { hash, type KeyObject, X509Certificate } from 'node:crypto';

/** What an API key is bound to. */
export interface ProgramCertificate {
  /** SHA-256 of the DER, which is what RFC 8705, 3.1 binds a token to. */
  readonly sha256: Buffer;
  readonly notBefore: Date;
  readonly notAfter: Date;
}

/**
 * Reads one certificate from PEM. Who signed it does not matter: it stands for its key. That one must be worth holding, and no private key
 * may have come along. Throws an Error whose message may be shown to who sent it.
 */
export function readProgramCertificate(pem: string): ProgramCertificate {
  if (pem.includes('PRIVATE KEY')) throw new Error('send the certificate alone; its private key is nobody’s business');
  if (pem.split('-----BEGIN ').length !== 2) throw new Error('one certificate in PEM');
  let certificate: X509Certificate;
  try {
    certificate = new X509Certificate(pem);
  } catch {
    throw new Error('one certificate in PEM');
  }
  if (!isStrong(certificate.publicKey))
    throw new Error('its key must be P-256 or larger, Ed25519, or RSA of 2,048 bits or more');
  return {
    sha256: hash('sha256', certificate.raw, 'buffer'),
    notBefore: certificate.validFromDate,
    notAfter: certificate.validToDate,
  };
}

function isStrong({ asymmetricKeyType, asymmetricKeyDetails }: KeyObject): boolean {
  if (asymmetricKeyType === 'ed25519') return true;
  if (asymmetricKeyType === 'ec')
    return ['prime256v1', 'secp384r1', 'secp521r1'].includes(asymmetricKeyDetails?.namedCurve ?? '');
  return asymmetricKeyType === 'rsa' && (asymmetricKeyDetails?.modulusLength ?? 0) >= 2048;
}
