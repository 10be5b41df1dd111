import { randomBytes } from 'node:crypto';
import { generateURI, ScureBase32Plugin, verifySync } from 'otplib';

// Time-based one-time passwords (RFC 6238) with the parameters every authenticator app knows: SHA-1, six digits, 30 seconds. SHA-1 is right here:
// HMAC does not rest on the collision resistance it has lost.

const SECRET_BYTES = 20;
const STEP_SECONDS = 30;
/** One step to either side, for clocks that are off (RFC 6238, 5.2). */
const TOLERANCE_SECONDS = 30;

const base32 = new ScureBase32Plugin();

/** 160 random bits, the length RFC 4226 recommends (section 4, R6). */
export const newTotpSecret = (): Buffer => randomBytes(SECRET_BYTES);

/** As people type it into an app that cannot scan. */
export const totpSecretText = (secret: Uint8Array): string => base32.encode(secret);

/** What the QR code holds (Key URI format). */
export function totpUri(secret: Uint8Array, account: string): string {
  return generateURI({ issuer: 'Valtronics', label: account, secret: totpSecretText(secret) });
}

/**
 * The time step whose code this is, or undefined. The caller must claim the step: a code is good for one use, and for none once a later
 * one was used (RFC 6238, 5.2). `now` in milliseconds since the epoch, from our own clock and never from the caller.
 */
export function totpStep(secret: Uint8Array, code: string, now: number): number | undefined {
  if (!/^\d{6}$/.test(code)) return undefined;
  const epoch = Math.floor(now / 1_000);
  const result = verifySync({ secret, token: code, epoch, epochTolerance: TOLERANCE_SECONDS });
  return result.valid ? Math.floor(epoch / STEP_SECONDS) + result.delta : undefined;
}
