import { z } from 'zod';
import { field } from './fields.ts';
import { unseen } from './policy.ts';

// The JSON forms of WebAuthn Level 3 (section 5.1, "PublicKeyCredential…JSON"): what a browser is asked and what it answers.

const base64url = z
  .string()
  .max(8192)
  .regex(/^[A-Za-z0-9_-]*$/, 'base64url');
const transports = z.array(z.string().max(32)).max(10);
const descriptor = z.strictObject({
  id: base64url,
  type: z.literal('public-key'),
  transports: transports.optional(),
});
const extensions = z.record(z.string().max(64), z.unknown());
const userVerification = z.enum(['required', 'preferred', 'discouraged']);

/** What `navigator.credentials.get` is given. */
export const passkeyRequest = z.strictObject({
  rpId: z.string(),
  challenge: base64url,
  allowCredentials: z.array(descriptor),
  timeout: z.int(),
  userVerification,
});
export type PasskeyRequest = z.infer<typeof passkeyRequest>;

/** The authenticator shows it to its owner when there are several. */
const ownEmail = field('users.email', z.string(), { shown: 'own' });

/** What `navigator.credentials.create` is given. */
export const passkeyCreation = z.strictObject({
  rp: z.strictObject({ id: z.string(), name: z.string() }),
  user: z.strictObject({ id: base64url, name: ownEmail, displayName: ownEmail }),
  challenge: base64url,
  pubKeyCredParams: z.array(z.strictObject({ alg: z.int(), type: z.literal('public-key') })),
  timeout: z.int(),
  excludeCredentials: z.array(descriptor),
  authenticatorSelection: z.strictObject({
    residentKey: z.enum(['required', 'preferred', 'discouraged']),
    userVerification,
  }),
  attestation: z.literal('none'),
});
export type PasskeyCreation = z.infer<typeof passkeyCreation>;

const why = 'bytes of an authenticator, which say where the browser was; each is read and verified as what it is';
export const unseenAssertion = unseen('body.assertion', why);
export const unseenAttestation = unseen('body.attestation', why);

const answer = {
  id: base64url.min(1).max(1400),
  rawId: base64url.min(1).max(1400),
  type: z.literal('public-key'),
  authenticatorAttachment: z.enum(['platform', 'cross-platform']).optional(),
  clientExtensionResults: extensions,
};

/** What signing in with a passkey gives. */
export const passkeyAssertion = z.strictObject({
  ...answer,
  response: z.strictObject({
    clientDataJSON: base64url,
    authenticatorData: base64url,
    signature: base64url,
    userHandle: base64url.optional(),
  }),
});
export type PasskeyAssertion = z.infer<typeof passkeyAssertion>;

/** What making a passkey gives. Fields that repeat parts of the attestation object are taken and not looked at. */
export const passkeyAttestation = z.strictObject({
  ...answer,
  response: z.strictObject({
    clientDataJSON: base64url,
    attestationObject: base64url,
    authenticatorData: base64url.optional(),
    transports: transports.optional(),
    publicKeyAlgorithm: z.int().optional(),
    publicKey: base64url.optional(),
  }),
});
export type PasskeyAttestation = z.infer<typeof passkeyAttestation>;
