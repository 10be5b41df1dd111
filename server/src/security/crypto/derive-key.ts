import { hkdfSync } from 'node:crypto';

/**
 * HKDF-SHA-256 (RFC 5869, extract and expand).
 *
 * @param secret the input keying material: at least 256 random bits, never a password
 * @param salt random, or empty where the secret is used with many labels
 * @param label what the output is for; two labels give outputs that tell nothing about each other
 * @param length of the output in bytes, at most 8,160
 */
export function deriveKey(secret: Uint8Array, salt: Uint8Array, label: string | Uint8Array, length: number): Buffer {
  return Buffer.from(hkdfSync('sha256', secret, salt, label, length));
}
