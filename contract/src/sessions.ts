import { z } from 'zod';
import { id, idParams, page, timestamp } from './common.ts';
import { endpoint } from './endpoint.ts';
import { field } from './fields.ts';
import { needs, records, signedIn, unaudited } from './policy.ts';

export const provenFactors = ['password', 'recovery_code', 'totp', 'provider', 'passkey'] as const;

const shownSession = (how: { shown?: 'own' }) => ({
  id,
  kind: z.enum(['browser', 'token']),
  current: z.boolean(),
  userAgent: field('sessions.user_agent', z.string().nullable(), how),
  address: field('sessions.address', z.string().nullable(), how),
  factor: z.enum(provenFactors).describe('the strongest proof of this session'),
  createdAt: timestamp,
  lastSeenAt: timestamp,
  expiresAt: timestamp,
});
export const session = z.strictObject(shownSession({}));
const ownSession = z.strictObject(shownSession({ shown: 'own' }));
export type Session = z.infer<typeof session>;

export const sessionsList = endpoint({
  method: 'GET',
  path: '/auth/sessions',
  summary: 'My open sessions',
  response: page(ownSession),
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
  access: signedIn({ stepUp: true }),
  rate: 'api',
  audit: records('session.revoked'),
});

export const sessionsRevokeOthers = endpoint({
  method: 'DELETE',
  path: '/auth/sessions',
  summary: 'End all my sessions but this one',
  response: z.strictObject({ ended: z.int() }),
  access: signedIn({ stepUp: true }),
  rate: 'api',
  audit: records('session.revoked'),
});

export const userSessionsList = endpoint({
  method: 'GET',
  path: '/users/{id}/sessions',
  summary: "A person's open sessions",
  params: idParams,
  response: page(session),
  access: needs('user:manage'),
  rate: 'api',
  audit: unaudited('read by those who manage accounts; reading is recorded with data protection'),
});

export const userSessionsRevoke = endpoint({
  method: 'DELETE',
  path: '/users/{id}/sessions',
  summary: 'End all sessions of a person',
  params: idParams,
  response: z.strictObject({ ended: z.int() }),
  access: needs('user:manage', { stepUp: true }),
  rate: 'api',
  audit: records('session.revoked'),
});
