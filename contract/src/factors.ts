import { z } from 'zod';
import { id, idParams, name, timestamp } from './common.ts';
import { endpoint } from './endpoint.ts';
import { field } from './fields.ts';
import {
  passkeyAssertion,
  passkeyAttestation,
  passkeyCreation,
  passkeyRequest,
  unseenAssertion,
  unseenAttestation,
} from './passkeys.ts';
import { records, signedIn, unaudited } from './policy.ts';
import { opaqueToken, password, unseenPassword } from './secrets.ts';

export const factorKinds = ['totp', 'passkey'] as const;
export const factorMethods = [...factorKinds, 'recovery_code'] as const;
export type FactorMethod = (typeof factorMethods)[number];

const totpCode = z.string().regex(/^\d{6}$/, 'six digits');
/** As printed, or without its dashes, in either case. */
const recoveryCode = z.string().min(25).max(40);

const totpProof = { method: z.literal('totp'), code: totpCode };
const recoveryProof = { method: z.literal('recovery_code'), code: recoveryCode };
const passkeyProof = { method: z.literal('passkey'), assertion: passkeyAssertion };
const ofChallenge = { challengeId: opaqueToken };

/** The second step of a sign-in: the challenge it belongs to, and one factor. */
export const challengeAnswer = z.discriminatedUnion('method', [
  z.strictObject({ ...ofChallenge, ...totpProof }),
  z.strictObject({ ...ofChallenge, ...recoveryProof }),
  z.strictObject({ ...ofChallenge, ...passkeyProof }),
]);
export type ChallengeAnswer = z.infer<typeof challengeAnswer>;
export type FactorProof =
  | { readonly method: 'totp' | 'recovery_code'; readonly code: string }
  | { readonly method: 'passkey'; readonly assertion: z.infer<typeof passkeyAssertion> };

/** What is asked for where the password alone does not open the account. */
export const secondStep = z.strictObject({
  challengeId: z.string(),
  methods: z.array(z.enum(factorMethods)),
  /** For `navigator.credentials.get`, where a passkey is among the methods. */
  passkey: passkeyRequest.nullable(),
  expiresAt: timestamp,
});
export type SecondStep = z.infer<typeof secondStep>;

export const factor = z.strictObject({
  id,
  kind: z.enum(factorKinds),
  label: field('factors.label', z.string(), { shown: 'own' }),
  createdAt: timestamp,
  lastUsedAt: timestamp.nullable(),
});
export type Factor = z.infer<typeof factor>;

export const factorsGet = endpoint({
  method: 'GET',
  path: '/auth/factors',
  summary: 'My second factors, and how many recovery codes are left',
  response: z.strictObject({ items: z.array(factor), recoveryCodesLeft: z.int() }),
  access: signedIn({ evenPending: true }),
  rate: 'api',
  audit: unaudited('a person reads their own factors; no secret is in the answer'),
});

/** With the first factor come the recovery codes; they are shown once. */
const added = z.strictObject({ factor, recoveryCodes: z.array(z.string()).nullable() });
const endOtherSessions = z.boolean().optional().describe('true unless told: my other sessions end');

export const totpBegin = endpoint({
  method: 'POST',
  path: '/auth/factors/totp/begin',
  summary: 'A new authenticator secret (RFC 6238), to be confirmed with a code of it',
  body: z.strictObject({}),
  response: z.strictObject({
    challengeId: z.string(),
    secret: z.string().describe('base32'),
    uri: z.string().describe('otpauth://, what the QR code holds'),
    expiresAt: timestamp,
  }),
  access: signedIn({ evenPending: true, stepUp: true }),
  rate: 'api',
  audit: unaudited('nothing changes until the secret is confirmed'),
});

export const totpAdd = endpoint({
  method: 'POST',
  path: '/auth/factors/totp',
  summary: 'Confirm the authenticator with a code',
  body: z.strictObject({ ...ofChallenge, code: totpCode, label: name, endOtherSessions }),
  response: added,
  status: 201,
  access: signedIn({ evenPending: true, stepUp: true }),
  rate: 'login',
  audit: records('factor.added'),
});

export const passkeyBegin = endpoint({
  method: 'POST',
  path: '/auth/factors/passkeys/begin',
  summary: 'What the browser needs to make a passkey (WebAuthn)',
  body: z.strictObject({}),
  response: z.strictObject({ challengeId: z.string(), options: passkeyCreation, expiresAt: timestamp }),
  access: signedIn({ evenPending: true, stepUp: true }),
  rate: 'api',
  audit: unaudited('nothing changes until the passkey is there'),
});

export const passkeyAdd = endpoint({
  method: 'POST',
  path: '/auth/factors/passkeys',
  summary: 'Keep the passkey the browser made',
  body: z.strictObject({ ...ofChallenge, attestation: passkeyAttestation, label: name, endOtherSessions }),
  response: added,
  status: 201,
  inspection: [unseenAttestation],
  access: signedIn({ evenPending: true, stepUp: true }),
  rate: 'login',
  audit: records('factor.added'),
});

export const factorRemove = endpoint({
  method: 'DELETE',
  path: '/auth/factors/{id}',
  summary: 'Remove one of my factors; the last one stays where the role needs one',
  params: idParams,
  response: 'empty',
  status: 204,
  access: signedIn({ stepUp: true }),
  rate: 'api',
  audit: records('factor.removed'),
});

export const recoveryCodesRenew = endpoint({
  method: 'POST',
  path: '/auth/factors/recovery-codes',
  summary: 'Ten new recovery codes; the old ones end',
  body: z.strictObject({}),
  response: z.strictObject({ recoveryCodes: z.array(z.string()) }),
  access: signedIn({ stepUp: true }),
  rate: 'login',
  audit: records('factor.recovery_codes_renewed'),
});

export const stepUpBegin = endpoint({
  method: 'POST',
  path: '/auth/step-up/begin',
  summary: 'How I can prove that it is still me',
  body: z.strictObject({}),
  response: z.strictObject({
    challengeId: z.string(),
    methods: z
      .array(z.enum([...factorMethods, 'password']))
      .describe('none: only a linked provider can ask again (`GET /auth/oidc/{slug}/start?fresh=true`)'),
    passkey: passkeyRequest.nullable(),
    expiresAt: timestamp,
  }),
  access: signedIn({ evenPending: true }),
  rate: 'api',
  audit: unaudited('a question; the proof is recorded'),
});

export const stepUp = endpoint({
  method: 'POST',
  path: '/auth/step-up',
  summary: 'Prove a factor again; opens what needs a fresh proof for five minutes',
  body: z.discriminatedUnion('method', [
    z.strictObject({ ...ofChallenge, method: z.literal('password'), password }),
    ...challengeAnswer.options,
  ]),
  response: z.strictObject({ verifiedAt: timestamp }),
  setsCookie: true,
  inspection: [unseenPassword, unseenAssertion],
  access: signedIn({ evenPending: true }),
  rate: 'login',
  audit: records('session.proven'),
});
