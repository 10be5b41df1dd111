import { z } from 'zod';
import { email, id, idParams, name, page, pageQuery, timestamp } from './common.ts';
import { endpoint } from './endpoint.ts';
import { permissions, roles } from './permissions.ts';
import { needs, open, records, signedIn, unaudited } from './policy.ts';

/** Bounded, never trimmed or altered; the policy itself is checked by the server (NIST SP 800-63B-4). */
export const password = z.string().min(1).max(128);
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
  access: open('the token in the body is the credential'),
  rate: 'login',
  audit: records('user.invitation_accepted'),
});

export const user = z.strictObject({
  id,
  email: z.string(),
  name: z.string().nullable(),
  phone: z.string().nullable(),
  role,
  status: z.enum(['invited', 'active', 'disabled']),
  createdAt: timestamp,
  lastSignInAt: timestamp.nullable(),
});
export type User = z.infer<typeof user>;

const phone = z.string().regex(/^\+[1-9]\d{6,14}$/, 'E.164, as +15551234567');

export const usersList = endpoint({
  method: 'GET',
  path: '/users',
  summary: 'People of the organisation',
  query: z.strictObject({ ...pageQuery, text: z.string().max(100).optional(), role: role.optional() }),
  response: page(user),
  access: needs('user:manage'),
  rate: 'api',
  audit: unaudited('account lists are read by those who manage them; reading is recorded with data protection'),
});

export const userGet = endpoint({
  method: 'GET',
  path: '/users/{id}',
  summary: 'One person',
  params: idParams,
  response: user,
  access: needs('user:manage'),
  rate: 'api',
  audit: unaudited('account lists are read by those who manage them; reading is recorded with data protection'),
});

const invitation = z.strictObject({ url: z.string(), expiresAt: timestamp });

export const userInvite = endpoint({
  method: 'POST',
  path: '/users',
  summary: 'Invite a person; returns the single-use link, and mails it where mail is set up',
  body: z.strictObject({ email, name: name.optional(), phone: phone.optional(), role }),
  response: z.strictObject({ user, invitation }),
  status: 201,
  access: needs('user:manage'),
  rate: 'api',
  audit: records('user.invited'),
});

export const userChange = endpoint({
  method: 'PATCH',
  path: '/users/{id}',
  summary: 'Change name, phone, role or status; never the own role, never the last administrator away',
  params: idParams,
  body: z.strictObject({
    name: name.nullable().optional(),
    phone: phone.nullable().optional(),
    role: role.optional(),
    status: z.enum(['active', 'disabled']).optional(),
  }),
  response: user,
  access: needs('user:manage'),
  rate: 'api',
  audit: records('user.changed'),
});

export const rolesList = endpoint({
  method: 'GET',
  path: '/roles',
  summary: 'The roles and what each may do',
  response: page(z.strictObject({ name: role, permissions: z.array(z.enum(permissions)) })),
  access: needs('user:manage'),
  rate: 'api',
  audit: unaudited('the table is public documentation'),
});

export const settings = z.strictObject({
  id,
  name,
  retentionDays: z.int().min(1).max(3650).describe('telemetry older than this is removed'),
});
export type Settings = z.infer<typeof settings>;

export const settingsGet = endpoint({
  method: 'GET',
  path: '/settings',
  summary: 'Organisation settings',
  response: settings,
  access: needs('config:manage'),
  rate: 'api',
  audit: unaudited('settings hold no personal data'),
});

export const settingsChange = endpoint({
  method: 'PATCH',
  path: '/settings',
  summary: 'Change organisation settings',
  body: settings.omit({ id: true }).partial(),
  response: settings,
  access: needs('config:manage'),
  rate: 'api',
  audit: records('organisation.settings_changed'),
});

export const auditEvent = z.strictObject({
  id,
  at: timestamp,
  event: z.string(),
  outcome: z.enum(['success', 'failure']),
  actor: z.strictObject({ kind: z.string(), id: z.string().nullable(), label: z.string().nullable() }),
  resource: z.strictObject({ kind: z.string(), id: z.string() }).nullable(),
  address: z.string().nullable(),
  requestId: z.string().nullable(),
  details: z.record(z.string(), z.unknown()),
});
export type AuditEvent = z.infer<typeof auditEvent>;

export const auditEventsList = endpoint({
  method: 'GET',
  path: '/audit-events',
  summary: 'Who did what, newest first',
  query: z.strictObject({
    ...pageQuery,
    event: z.string().max(80).optional(),
    actorId: z.string().max(80).optional(),
    resourceId: z.string().max(80).optional(),
    from: timestamp.optional(),
    to: timestamp.optional(),
  }),
  response: page(auditEvent),
  access: needs('system:admin'),
  rate: 'api',
  audit: unaudited('reading the log is recorded with the verifiable log'),
});
