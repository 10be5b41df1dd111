import { z } from 'zod';

/** Bounded, never trimmed or altered; the policy itself is checked by the server (NIST SP 800-63B-4). */
export const password = z.string().min(1).max(128);
/** 256 random bits behind a prefix that says what it is. */
export const opaqueToken = z.string().min(20).max(600);
