import { z } from 'zod';

/**
 * At most 128 characters as people count them, so that one of emoji or of composed letters may be as long as one of ASCII. Never trimmed
 * or altered; the policy itself is checked by the server (NIST SP 800-63B-4).
 */
export const password = z
  .string()
  .min(1)
  .max(512)
  .refine((text) => [...text.normalize('NFC')].length <= 128, 'at most 128 characters');
/** 256 random bits behind a prefix that says what it is. */
export const opaqueToken = z.string().min(20).max(600);
