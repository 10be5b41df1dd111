import { z } from 'zod';
import { id, idParams, name, page, pageQuery, timestamp } from './common.ts';
import { endpoint } from './endpoint.ts';
import { actingPerson, field } from './fields.ts';
import { role } from './identity.ts';
import { user } from './people.ts';
import { permissions, roles } from './permissions.ts';
import { needs, records, signedIn, unaudited } from './policy.ts';

const permissionList = z
  .array(z.enum(permissions))
  .max(permissions.length)
  .refine((list) => new Set(list).size === list.length, 'each permission once');

export const roleEntry = z.strictObject({
  name: role,
  description: z.string().nullable(),
  permissions: z.array(z.enum(permissions)),
  requiresFactor: z.boolean().describe('whoever holds it must have proven a second factor'),
  builtIn: z.boolean(),
  people: z.int().describe('accounts that hold it, service accounts and disabled ones included'),
});
export type RoleEntry = z.infer<typeof roleEntry>;

const description = z.string().trim().max(300);
const roleParams = z.strictObject({ name: role });

export const rolesList = endpoint({
  method: 'GET',
  path: '/roles',
  summary: 'The roles and what each may do: the built-in ones first',
  response: page(roleEntry),
  access: needs('user:manage'),
  rate: 'api',
  audit: unaudited('what roles may do is no secret among those who give them'),
});

export const roleCreate = endpoint({
  method: 'POST',
  path: '/roles',
  summary: 'Create a role; it holds no permission that its maker does not',
  body: z.strictObject({
    name: role.refine((text) => !(roles as readonly string[]).includes(text), 'a built-in role has this name'),
    description: description.nullable().optional(),
    permissions: permissionList,
    requiresFactor: z.boolean().optional(),
  }),
  response: roleEntry,
  status: 201,
  freeText: ['description'],
  access: needs('user:manage', { stepUp: true }),
  rate: 'api',
  audit: records('role.created'),
});

export const roleChange = endpoint({
  method: 'PATCH',
  path: '/roles/{name}',
  summary: 'Change a role; holds from the next request of everybody who has it, on open connections within a second',
  params: roleParams,
  body: z.strictObject({
    description: description.nullable().optional(),
    permissions: permissionList.optional(),
    requiresFactor: z.boolean().optional(),
  }),
  response: roleEntry,
  freeText: ['description'],
  access: needs('user:manage', { stepUp: true }),
  rate: 'api',
  audit: records('role.changed'),
});

export const roleDelete = endpoint({
  method: 'DELETE',
  path: '/roles/{name}',
  summary: 'Delete a role that nobody holds',
  params: roleParams,
  response: 'empty',
  status: 204,
  access: needs('user:manage', { stepUp: true }),
  rate: 'api',
  audit: records('role.deleted'),
});

export const deviceGroup = z.strictObject({
  id,
  name: z.string(),
  devices: z.int(),
  people: z.int().describe('limited to it, service accounts included'),
  apiKeys: z.int(),
  createdAt: timestamp,
});
export type DeviceGroup = z.infer<typeof deviceGroup>;
export const deviceGroupWithDevices = deviceGroup.extend({ deviceIds: z.array(id) });
export type DeviceGroupWithDevices = z.infer<typeof deviceGroupWithDevices>;

const groupFields = {
  name,
  deviceIds: z
    .array(id)
    .max(5_000)
    .optional()
    .describe('which devices are in it: all of them, in place of those before'),
};
/** 5,000 ids are about 200 KB. */
const groupBodyLimit = 262_144;

export const deviceGroupsList = endpoint({
  method: 'GET',
  path: '/device-groups',
  summary: 'Groups of devices that people and keys may be limited to',
  response: page(deviceGroup),
  access: needs('user:manage'),
  rate: 'api',
  audit: unaudited('names and counts hold no personal data'),
});

export const deviceGroupGet = endpoint({
  method: 'GET',
  path: '/device-groups/{id}',
  summary: 'One group with its devices',
  params: idParams,
  response: deviceGroupWithDevices,
  access: needs('user:manage'),
  rate: 'api',
  audit: unaudited('which devices belong together is no personal data'),
});

export const deviceGroupCreate = endpoint({
  method: 'POST',
  path: '/device-groups',
  summary: 'Create a group of devices',
  body: z.strictObject(groupFields),
  bodyLimit: groupBodyLimit,
  response: deviceGroupWithDevices,
  status: 201,
  freeText: ['name'],
  access: needs('user:manage', { stepUp: true }),
  rate: 'api',
  audit: records('device_group.created'),
});

export const deviceGroupChange = endpoint({
  method: 'PATCH',
  path: '/device-groups/{id}',
  summary: 'Change a group; who is limited to it sees the change at once, on open connections within a second',
  params: idParams,
  body: z.strictObject(groupFields).partial(),
  bodyLimit: groupBodyLimit,
  response: deviceGroupWithDevices,
  freeText: ['name'],
  access: needs('user:manage', { stepUp: true }),
  rate: 'api',
  audit: records('device_group.changed'),
});

export const deviceGroupDelete = endpoint({
  method: 'DELETE',
  path: '/device-groups/{id}',
  summary: 'Delete a group; who is limited to it sees its devices no more',
  params: idParams,
  response: 'empty',
  status: 204,
  access: needs('user:manage', { stepUp: true }),
  rate: 'api',
  audit: records('device_group.deleted'),
});

export const serviceAccountCreate = endpoint({
  method: 'POST',
  path: '/service-accounts',
  summary: 'Create an account for a program: it holds API keys and nobody can sign in to it',
  body: z.strictObject({ name, role }),
  response: user,
  status: 201,
  access: needs('user:manage', { stepUp: true }),
  rate: 'api',
  audit: records('service_account.created'),
});

/** Days a key is good for: there is no key without an end. */
export const apiKeyDays = { usual: 90, most: 365 } as const;

export const apiKey = z.strictObject({
  id,
  label: z.string(),
  owner: z.strictObject({ id, name: actingPerson(z.string()), kind: z.enum(['person', 'service']) }),
  createdBy: z.strictObject({ id, name: actingPerson(z.string()) }),
  permissions: z
    .array(z.enum(permissions))
    .describe('never more than its owner and its maker may at the moment of use'),
  networks: z.array(z.string()).describe('where it may be used from; empty: anywhere'),
  deviceGroupIds: z.array(id).nullable().describe('null: not limited to groups of its own'),
  certificateSha256: z
    .string()
    .nullable()
    .describe('of the certificate it is bound to (RFC 8705), in hex: good on connections that began with it only'),
  createdAt: timestamp,
  expiresAt: timestamp,
  lastUsedAt: timestamp.nullable(),
  lastUsedAddress: field('api_keys.last_used_address', z.string().nullable(), { person: 'owner.id' }),
});
export type ApiKey = z.infer<typeof apiKey>;

const network = z.union(
  [z.ipv4(), z.ipv6(), z.cidrv4(), z.cidrv6()],
  'an address or a network, as 192.0.2.0/24 or 2001:db8::/32',
);
const groupIds = z.array(id).max(200);
const newKey = {
  label: name,
  permissions: permissionList.min(1, 'at least one'),
  networks: z.array(network).max(20).optional().describe('where it may be used from; anywhere unless told'),
  deviceGroupIds: groupIds
    .optional()
    .describe('sees the devices of these groups only; as many as its owner unless told'),
  certificate: z
    .string()
    .max(16_384)
    .optional()
    .describe(
      'in PEM: binds the key to it, at the port for keys only (VALTRONICS_KEY_PORT); it ends no later than this',
    ),
  expiresInDays: z.int().min(1).max(apiKeyDays.most).optional().describe(`${apiKeyDays.usual} unless told`),
};
const createdKey = z.strictObject({ key: apiKey, secret: z.string().describe('shown this once') });

export const apiKeysList = endpoint({
  method: 'GET',
  path: '/api-keys',
  summary: 'Every API key of the organisation, newest first',
  query: z.strictObject({ ...pageQuery, ownerId: id.optional() }),
  response: page(apiKey),
  access: needs('user:manage'),
  rate: 'api',
  audit: unaudited('no secret is in the answer'),
});

export const apiKeyCreate = endpoint({
  method: 'POST',
  path: '/api-keys',
  summary: 'Create a key for a service account; nobody makes one that acts in another person’s name',
  body: z.strictObject({ ...newKey, ownerId: id }),
  response: createdKey,
  status: 201,
  freeText: ['label'],
  access: needs('user:manage', { stepUp: true }),
  rate: 'api',
  audit: records('api_key.created'),
});

export const apiKeyRevoke = endpoint({
  method: 'DELETE',
  path: '/api-keys/{id}',
  summary: 'Revoke a key; its open connections end within a second',
  params: idParams,
  response: 'empty',
  status: 204,
  access: needs('user:manage', { stepUp: true }),
  rate: 'api',
  audit: records('api_key.revoked'),
});

export const ownApiKeysList = endpoint({
  method: 'GET',
  path: '/auth/api-keys',
  summary: 'My API keys, newest first',
  query: z.strictObject(pageQuery),
  response: page(apiKey),
  access: signedIn(),
  rate: 'api',
  audit: unaudited('a person reads their own keys; no secret is in the answer'),
});

export const ownApiKeyCreate = endpoint({
  method: 'POST',
  path: '/auth/api-keys',
  summary: 'Create a key that acts in my name; it holds no permission that I do not',
  body: z.strictObject(newKey),
  response: createdKey,
  status: 201,
  freeText: ['label'],
  access: signedIn({ stepUp: true }),
  rate: 'api',
  audit: records('api_key.created'),
});

export const ownApiKeyRevoke = endpoint({
  method: 'DELETE',
  path: '/auth/api-keys/{id}',
  summary: 'Revoke one of my keys; its open connections end within a second',
  params: idParams,
  response: 'empty',
  status: 204,
  access: signedIn({ stepUp: true }),
  rate: 'api',
  audit: records('api_key.revoked'),
});
