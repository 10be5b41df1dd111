import { z } from 'zod';
import { email, id, idParams, name, page, pageQuery, timestamp } from './common.ts';
import { endpoint } from './endpoint.ts';
import { factorKinds } from './factors.ts';
import { field } from './fields.ts';
import { role } from './identity.ts';
import { personalDataPolicy } from './personal-data.ts';
import { needs, records, unaudited } from './policy.ts';

export const deviceScope = z.enum(['all', 'limited']);
export type DeviceScope = z.infer<typeof deviceScope>;

const userKind = z.enum(['person', 'service']);

export const user = z.strictObject({
  id,
  email: field('users.email', z.string(), { person: 'id' }),
  name: field('users.name', z.string().nullable()),
  phone: field('users.phone', z.string().nullable(), { person: 'id' }),
  unreadable: z
    .array(z.enum(['email', 'name', 'phone']))
    .describe('of these there is a value that does not open: it was altered in the database, or its key is gone'),
  kind: userKind.describe('a service account is a program’s: it holds API keys and is never signed in to'),
  role,
  status: z.enum(['invited', 'active', 'disabled']),
  deviceScope: deviceScope.describe('limited: sees the devices of these groups, and those they own'),
  deviceGroupIds: z.array(id),
  createdAt: timestamp,
  lastSignInAt: timestamp.nullable(),
  factors: z.array(z.enum(factorKinds)).describe('kinds of second factors the person has'),
  mustChangePassword: z.boolean(),
});
export type User = z.infer<typeof user>;

const phone = z.string().regex(/^\+[1-9]\d{6,14}$/, 'E.164, as +15551234567');

export const usersList = endpoint({
  method: 'GET',
  path: '/users',
  summary: 'People of the organisation',
  query: z.strictObject({
    ...pageQuery,
    text: z
      .string()
      .max(100)
      .optional()
      .describe('part of an address or a name; where there are more than 500 accounts, a whole one'),
    role: role.optional(),
    kind: userKind.optional(),
  }),
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

const invitation = z.strictObject({ url: z.string(), expiresAt: timestamp, mailed: z.boolean() });

export const userInvite = endpoint({
  method: 'POST',
  path: '/users',
  summary: 'Invite a person; returns the single-use link, and mails it where mail is set up',
  body: z.strictObject({ email, name: name.optional(), phone: phone.optional(), role }),
  response: z.strictObject({ user, invitation }),
  status: 201,
  access: needs('user:manage', { stepUp: true }),
  rate: 'api',
  audit: records('user.invited'),
});

export const userChange = endpoint({
  method: 'PATCH',
  path: '/users/{id}',
  summary:
    'Change name, phone, role, status or which devices they see; never the own rights, never the last administrator away',
  params: idParams,
  body: z.strictObject({
    name: name.nullable().optional(),
    phone: phone.nullable().optional(),
    role: role.optional(),
    status: z.enum(['active', 'disabled']).optional(),
    mustChangePassword: z.boolean().optional().describe('at their next request'),
    deviceScope: deviceScope.optional(),
    deviceGroupIds: z.array(id).max(200).optional().describe('in place of those before'),
  }),
  response: user,
  access: needs('user:manage', { stepUp: true }),
  rate: 'api',
  audit: records('user.changed'),
});

export const userInviteAgain = endpoint({
  method: 'POST',
  path: '/users/{id}/invitation',
  summary: 'A new single-use link for a person who has not opened the account; the older one ends',
  params: idParams,
  body: z.strictObject({}),
  response: z.strictObject({ user, invitation }),
  status: 201,
  access: needs('user:manage', { stepUp: true }),
  rate: 'api',
  audit: records('user.invited'),
});

/** For a person who lost them; they set up new ones at their next sign-in where their role needs one. */
export const userFactorsReset = endpoint({
  method: 'DELETE',
  path: '/users/{id}/factors',
  summary: 'Remove all second factors of a person, end their sessions and tell them',
  params: idParams,
  response: user,
  access: needs('user:manage', { stepUp: true }),
  rate: 'api',
  audit: records('factor.reset'),
});

export const settings = z.strictObject({
  id,
  name,
  retentionDays: z.int().min(1).max(3650).describe('telemetry older than this is removed'),
  personalDataPolicy: personalDataPolicy.describe('what becomes of personal data in metadata, notes and texts'),
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
  access: needs('config:manage', { stepUp: true }),
  rate: 'api',
  audit: records('organisation.settings_changed'),
});
