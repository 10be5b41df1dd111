import { z } from 'zod';
import { email, id, idParams, name, page, timestamp } from './common.ts';
import { endpoint } from './endpoint.ts';
import { permissions, roles } from './permissions.ts';
import { open, records, signedIn, unaudited } from './policy.ts';

/**
 * At most 128 characters as people count them, so that one of emoji or of composed letters may be as long as one of ASCII. Never trimmed
 * or altered; the policy itself is checked by the server (NIST SP 800-63B-4).
 */
export const password = z
  .string()
  .min(1)
  .max(512)
  .refine((text) => [...text.normalize('NFC')].length <= 128, 'at most 128 characters');
export const role = z.enum(roles);
const opaqueToken = z.string().min(20).max(200);

export const me = z.strictObject({
  id,
  email: z.string(),
  name: z.string().nullable(),
  role,
  permissions: z.array(z.enum(permissions)),
  organisation: z.strictObject({ id, name: z.string() }),
});
export type Me = z.infer<typeof me>;

export const credentials = z.strictObject({ email, password });
export const tokens = z.strictObject({
  accessToken: z.string(),
  expiresInSeconds: z.int(),
  refreshToken: z.string(),
});
export type Tokens = z.infer<typeof tokens>;

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
  summary: 'Sign in as a token client',
  body: credentials,
  response: tokens,
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
  summary: 'Sign in as a browser: sets the cookie, returns no token',
  body: credentials,
  response: me,
  setsCookie: true,
  access: open('this is where a person proves who they are'),
  rate: 'login',
  audit: records('session.created'),
});

export const sessionDelete = endpoint({
  method: 'DELETE',
  path: '/auth/session',
  summary: 'Sign out this browser',
  response: 'empty',
  status: 204,
  setsCookie: true,
  access: signedIn(),
  rate: 'api',
  audit: records('session.ended'),
});

export const meGet = endpoint({
  method: 'GET',
  path: '/auth/me',
  summary: 'Who is signed in and what they may do',
  response: me,
  access: signedIn(),
  rate: 'api',
  audit: unaudited('a person reads their own name'),
});

export const session = z.strictObject({
  id,
  kind: z.enum(['browser', 'token']),
  current: z.boolean(),
  userAgent: z.string().nullable(),
  address: z.string().nullable(),
  createdAt: timestamp,
  lastSeenAt: timestamp,
  expiresAt: timestamp,
});
export type Session = z.infer<typeof session>;

export const sessionsList = endpoint({
  method: 'GET',
  path: '/auth/sessions',
  summary: 'My open sessions',
  response: page(session),
  access: signedIn(),
  rate: 'api',
  audit: unaudited('a person reads their own sessions'),
});

export const sessionRevoke = endpoint({
  method: 'DELETE',
  path: '/auth/sessions/{id}',
  summary: 'End one of my sessions',
  params: idParams,
  response: 'empty',
  status: 204,
  access: signedIn(),
  rate: 'api',
  audit: records('session.revoked'),
});

export const passwordChange = endpoint({
  method: 'POST',
  path: '/auth/password',
  summary: 'Change my password; ends my other sessions',
  body: z.strictObject({ currentPassword: password, newPassword: password }),
  response: 'empty',
  status: 204,
  access: signedIn(),
  rate: 'login',
  audit: records('user.password_changed'),
});

export const invitationInspect = endpoint({
  method: 'POST',
  path: '/auth/invitations/inspect',
  summary: 'What an invitation link is for',
  body: z.strictObject({ token: opaqueToken }),
  response: z.strictObject({
    organisation: z.string(),
    email: z.string().nullable(),
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
  access: open('the token in the body is the credential'),
  rate: 'login',
  audit: records('user.invitation_accepted'),
});
