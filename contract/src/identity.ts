import { z } from 'zod';
import { email, id, name, timestamp } from './common.ts';
import { endpoint } from './endpoint.ts';
import { challengeAnswer, secondStep } from './factors.ts';
import { field } from './fields.ts';
import { passkeyRequest, unseenAssertion } from './passkeys.ts';
import { permissions } from './permissions.ts';
import { open, pendings, records, signedIn, unaudited } from './policy.ts';
import { opaqueToken, password, unseenPassword } from './secrets.ts';
import { provenFactors } from './sessions.ts';

export const role = z
  .string()
  .regex(/^[a-z][a-z0-9-]{1,39}$/, '2–40 of a–z 0–9 -, a letter first')
  .describe('a built-in role or one of the organisation');

export const me = z.strictObject({
  id,
  email: field('users.email', z.string(), { shown: 'own' }),
  name: field('users.name', z.string().nullable(), { shown: 'own' }),
  role,
  permissions: z.array(z.enum(permissions)),
  organisation: z.strictObject({
    id,
    name: z.string(),
    operatesInstance: z
      .boolean()
      .describe('it runs this instance: its administrators see what belongs to no organisation'),
  }),
  maskedFields: z
    .array(z.strictObject({ field: z.string(), revealable: z.boolean() }))
    .describe('fields of the catalogue that are masks for this person, and whether they may have them shown'),
  /** What this session was proven with (null: a key has none), and what must be done before anything else. */
  factor: z.enum(provenFactors).nullable(),
  pending: z.enum(pendings).nullable(),
});
export type Me = z.infer<typeof me>;

export const credentials = z.strictObject({ email, password });
export const tokens = z.strictObject({
  accessToken: z.string(),
  /** `DPoP`: bound to the key that was proven, and good only with a proof of it. */
  tokenType: z.enum(['Bearer', 'DPoP']),
  expiresInSeconds: z.int(),
  refreshToken: z.string(),
});
export type Tokens = z.infer<typeof tokens>;
/** Instead of tokens or an account, where the password alone does not open it. */
const moreNeeded = z.strictObject({ mfa: secondStep });

export const jwks = endpoint({
  method: 'GET',
  path: '/.well-known/jwks.json',
  root: true,
  summary: 'Public keys that verify access tokens (RFC 7517)',
  response: 'raw',
  access: open('public keys are public'),
  rate: 'api',
  audit: unaudited('public keys'),
});

export const login = endpoint({
  method: 'POST',
  path: '/auth/login',
  summary: 'Sign in as a token client; an account with a second factor is asked for it',
  body: credentials,
  response: z.union([tokens, moreNeeded]),
  dpop: true,
  inspection: [unseenPassword],
  access: open('this is where a person proves who they are'),
  rate: 'login',
  audit: records('session.created'),
});

export const refresh = endpoint({
  method: 'POST',
  path: '/auth/refresh',
  summary: 'Exchange a refresh token for new tokens; each is good once',
  body: z.strictObject({ refreshToken: opaqueToken }),
  response: tokens,
  dpop: true,
  access: open('the refresh token in the body is the credential'),
  rate: 'login',
  audit: records('session.refreshed'),
});

export const logout = endpoint({
  method: 'POST',
  path: '/auth/logout',
  summary: 'End the session the refresh token belongs to',
  body: z.strictObject({ refreshToken: opaqueToken }),
  response: 'empty',
  status: 204,
  access: open('the refresh token in the body is the credential'),
  rate: 'login',
  audit: records('session.ended'),
});

export const sessionCreate = endpoint({
  method: 'POST',
  path: '/auth/session',
  summary: 'Sign in as a browser: sets the cookie, returns no token; an account with a second factor is asked for it',
  body: credentials,
  response: z.union([me, moreNeeded]),
  setsCookie: true,
  inspection: [unseenPassword],
  access: open('this is where a person proves who they are'),
  rate: 'login',
  audit: records('session.created'),
});

export const mfaVerify = endpoint({
  method: 'POST',
  path: '/auth/mfa/verify',
  summary: 'The second step of a sign-in as a token client, or a passkey alone',
  body: challengeAnswer,
  inspection: [unseenAssertion],
  response: tokens,
  dpop: true,
  access: open('the challenge in the body says who proved what'),
  rate: 'login',
  audit: records('session.created'),
});

export const sessionVerify = endpoint({
  method: 'POST',
  path: '/auth/session/verify',
  summary: 'The second step of a sign-in as a browser, or a passkey alone: sets the cookie',
  body: challengeAnswer,
  inspection: [unseenAssertion],
  response: me,
  setsCookie: true,
  access: open('the challenge in the body says who proved what'),
  rate: 'login',
  audit: records('session.created'),
});

export const passkeySignIn = endpoint({
  method: 'POST',
  path: '/auth/passkey/begin',
  summary: 'Sign in with a passkey alone: what the browser is to ask for; names no account',
  body: z.strictObject({}),
  response: z.strictObject({ challengeId: z.string(), passkey: passkeyRequest, expiresAt: timestamp }),
  access: open('this is where a person proves who they are'),
  rate: 'login',
  audit: unaudited('nothing is known or kept until the passkey has signed'),
});

export const sessionDelete = endpoint({
  method: 'DELETE',
  path: '/auth/session',
  summary: 'Sign out this browser',
  response: 'empty',
  status: 204,
  setsCookie: true,
  access: signedIn({ evenPending: true }),
  rate: 'api',
  audit: records('session.ended'),
});

export const meGet = endpoint({
  method: 'GET',
  path: '/auth/me',
  summary: 'Who is signed in and what they may do',
  response: me,
  access: signedIn({ evenPending: true, orKey: true }),
  rate: 'api',
  audit: unaudited('a person reads their own name'),
});

export const meChange = endpoint({
  method: 'PATCH',
  path: '/auth/me',
  summary: 'Change my name',
  body: z.strictObject({ name: name.nullable() }),
  response: me,
  access: signedIn(),
  rate: 'api',
  audit: records('user.changed'),
});

export const invitationInspect = endpoint({
  method: 'POST',
  path: '/auth/invitations/inspect',
  summary: 'What an invitation link is for',
  body: z.strictObject({ token: opaqueToken }),
  response: z.strictObject({
    organisation: z.string(),
    email: field('users.email', z.string().nullable(), { shown: 'own' }),
    role,
    expiresAt: timestamp,
  }),
  access: open('the token in the body is the credential'),
  rate: 'login',
  audit: unaudited('nothing changes until the invitation is accepted'),
});

export const invitationAccept = endpoint({
  method: 'POST',
  path: '/auth/invitations/accept',
  summary: 'Set a password and open the account; the link is good once',
  body: z.strictObject({ token: opaqueToken, email: email.optional(), name: name.optional(), password }),
  response: me,
  setsCookie: true,
  inspection: [unseenPassword],
  access: open('the token in the body is the credential'),
  rate: 'login',
  audit: records('user.invitation_accepted'),
});
