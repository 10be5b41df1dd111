import { z } from 'zod';
import { unseen } from './policy.ts';

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

/** For the inspection: whatever is typed as a password is compared and never read as anything else. */
export const unseenPassword = unseen(
  'body.password',
  'a password may hold anything; it is hashed, and shown and stored nowhere',
);
