import { hash, randomBytes, timingSafeEqual } from 'node:crypto';

// Opaque credentials: 256 random bits behind a prefix that says what they are, for people and for secret scanners. Only the SHA-256 is stored. A fast
// hash is right here: nobody can guess through 256 bits, so slowness would protect nothing and cost every request.

export const tokenPrefixes = {
  session: 'vts_',
  refresh: 'vtr_',
  device: 'vtd_',
  invitation: 'vti_',
  challenge: 'vtx_',
  passwordReset: 'vtq_',
  deviceCookie: 'vtc_',
  departure: 'vto_',
  apiKey: 'vtk_',
  /** Of a device that is to be provisioned. */
  claim: 'vtp_',
  /** Of a firewall elsewhere. */
  bouncer: 'vtb_',
} as const;
export type TokenPrefix = (typeof tokenPrefixes)[keyof typeof tokenPrefixes];

const TOKEN_BYTES = 32;
// 43 characters carry 258 bits; the last one's two spare bits are zero in the one canonical spelling.
const TOKEN_BODY = /^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$/;

export function newOpaqueToken(prefix: TokenPrefix): string {
  return prefix + randomBytes(TOKEN_BYTES).toString('base64url');
}

/** Whether the text has the shape of such a token; says nothing about its being valid. */
export function isOpaqueToken(text: string, prefix: TokenPrefix): boolean {
  return text.startsWith(prefix) && TOKEN_BODY.test(text.slice(prefix.length)) && text.length === prefix.length + 43;
}

export function tokenHash(token: string): Buffer {
  return hash('sha256', token, 'buffer');
}

/** Compares without telling by its duration where the two differ. Lengths are not secret. */
export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}
