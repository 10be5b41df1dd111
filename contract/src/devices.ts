import { z } from 'zod';
import { deviceType, id, idParams, name, page, pageQuery, timestamp } from './common.ts';
import { endpoint } from './endpoint.ts';
import { actingPerson, field } from './fields.ts';
import { needs, records, reported, unaudited } from './policy.ts';

export const deviceStatus = z.enum(['online', 'offline', 'error', 'maintenance']);
export type DeviceStatus = z.infer<typeof deviceStatus>;

const label = z.string().trim().max(120);
const metadata = z
  .record(z.string().regex(/^[A-Za-z0-9_.-]{1,64}$/), z.union([z.string().max(500), z.number(), z.boolean(), z.null()]))
  .refine((value) => Object.keys(value).length <= 50, 'at most 50 entries');

export const device = z.strictObject({
  id,
  name: z.string(),
  type: z.string(),
  status: deviceStatus,
  location: field('devices.location', z.string().nullable()),
  serial: field('devices.serial', z.string().nullable()),
  unreadable: field(
    'devices.serial',
    z
      .string()
      .nullable()
      .describe('`serial` where there is one that does not open: it was altered in the database, or its key is gone'),
  ),
  description: field('devices.description', z.string().nullable()),
  ownerId: id.nullable(),
  health: z.boolean().describe('its measurements are of a person: class health'),
  silenceTimeoutSeconds: z.int(),
  metadata: field('devices.metadata', z.record(z.string(), z.unknown())),
  lastSeenAt: timestamp.nullable(),
  statusSince: timestamp,
  createdAt: timestamp,
  updatedAt: timestamp,
});
export type Device = z.infer<typeof device>;

const reportedDescription = reported('body.description', 'technicians write down paths, commands and formulas');
const editable = {
  name,
  type: deviceType,
  location: label.nullable().optional(),
  serial: label.nullable().optional(),
  description: z.string().trim().max(2000).nullable().optional(),
  ownerId: id.nullable().optional(),
  silenceTimeoutSeconds: z
    .int()
    .min(5)
    .max(604_800)
    .optional()
    .describe('offline after this long without a word; 120 unless told'),
  metadata: metadata.optional(),
};

export const deviceCredential = z.strictObject({
  id,
  label: z.string().nullable(),
  createdAt: timestamp,
  expiresAt: timestamp.nullable(),
  revokedAt: timestamp.nullable(),
  lastUsedAt: timestamp.nullable(),
});
export type DeviceCredential = z.infer<typeof deviceCredential>;
const newCredential = z.strictObject({ id, token: z.string().describe('shown this once') });

export const devicesList = endpoint({
  method: 'GET',
  path: '/devices',
  summary: 'Devices of the organisation',
  query: z.strictObject({
    ...pageQuery,
    type: deviceType.optional(),
    status: deviceStatus.optional(),
    location: label.optional(),
    groupId: id.optional().describe('those of one device group'),
    text: z.string().max(100).optional().describe('part of name, location or description, or a whole serial number'),
    sort: z.enum(['name', '-name', 'lastSeenAt', '-lastSeenAt', 'createdAt', '-createdAt']).optional(),
  }),
  response: page(device),
  access: needs('device:read'),
  rate: 'api',
  audit: unaudited('device names are not personal data'),
});

/** Counts for the overview: one small answer whatever the size of the fleet. */
export const fleetSummary = z.strictObject({
  total: z.int(),
  byStatus: z.record(deviceStatus, z.int()),
  byType: z.array(z.strictObject({ type: z.string(), total: z.int(), online: z.int() })),
  locations: field('devices.location', z.array(z.string())),
});
export type FleetSummary = z.infer<typeof fleetSummary>;

export const devicesSummary = endpoint({
  method: 'GET',
  path: '/devices/summary',
  summary: 'How many devices there are, by status and type',
  response: fleetSummary,
  access: needs('device:read'),
  rate: 'api',
  audit: unaudited('counts hold no personal data'),
});

export const deviceRegister = endpoint({
  method: 'POST',
  path: '/devices',
  summary: 'Register a device; its credential is shown once',
  body: z.strictObject({ ...editable, health: z.boolean().optional() }),
  response: z.strictObject({ device, credential: newCredential }),
  status: 201,
  inspection: [reportedDescription],
  freeText: ['name', 'description', 'metadata.*'],
  access: needs('device:write'),
  rate: 'api',
  audit: records('device.registered'),
});

export const deviceGet = endpoint({
  method: 'GET',
  path: '/devices/{id}',
  summary: 'One device',
  params: idParams,
  response: device,
  access: needs('device:read'),
  rate: 'api',
  audit: unaudited('device names are not personal data'),
});

export const deviceChange = endpoint({
  method: 'PATCH',
  path: '/devices/{id}',
  summary: 'Change a device',
  params: idParams,
  body: z.strictObject(editable).partial(),
  response: device,
  inspection: [reportedDescription],
  freeText: ['name', 'description', 'metadata.*'],
  access: needs('device:write'),
  rate: 'api',
  audit: records('device.changed'),
});

export const deviceDelete = endpoint({
  method: 'DELETE',
  path: '/devices/{id}',
  summary: 'Delete a device with its telemetry and credentials',
  params: idParams,
  response: 'empty',
  status: 204,
  access: needs('device:delete', { stepUp: true }),
  rate: 'api',
  audit: records('device.deleted'),
});

const credentialParams = z.strictObject({ id, credentialId: id });

export const credentialsList = endpoint({
  method: 'GET',
  path: '/devices/{id}/credentials',
  summary: 'Credentials of a device, without their secrets',
  params: idParams,
  response: page(deviceCredential),
  access: needs('device:write'),
  rate: 'api',
  audit: unaudited('no secret is in the answer'),
});

export const credentialCreate = endpoint({
  method: 'POST',
  path: '/devices/{id}/credentials',
  summary: 'Another credential, for rotation with overlap; shown once',
  params: idParams,
  body: z.strictObject({
    label: label.optional(),
    expiresAt: timestamp.optional(),
    othersExpireInSeconds: z.int().min(0).max(31_536_000).optional().describe('end the older ones after this overlap'),
  }),
  response: newCredential,
  status: 201,
  freeText: ['label'],
  access: needs('device:write', { stepUp: true, orKey: true }),
  rate: 'api',
  audit: records('device.credential_created'),
});

export const credentialRevoke = endpoint({
  method: 'DELETE',
  path: '/devices/{id}/credentials/{credentialId}',
  summary: 'Revoke a credential; its open connections end within a second',
  params: credentialParams,
  response: 'empty',
  status: 204,
  access: needs('device:write', { stepUp: true, orKey: true }),
  rate: 'api',
  audit: records('device.credential_revoked'),
});

export const deviceCommand = z.strictObject({
  id,
  name: z.string(),
  payload: field('device_commands.payload', z.unknown()),
  status: z.enum(['pending', 'sent', 'acknowledged', 'failed', 'timed_out']),
  response: field('device_commands.response', z.unknown()),
  createdBy: actingPerson(z.string()).nullable(),
  createdAt: timestamp,
  sentAt: timestamp.nullable(),
  finishedAt: timestamp.nullable(),
  timeoutSeconds: z.int(),
});
export type DeviceCommand = z.infer<typeof deviceCommand>;

export const commandsList = endpoint({
  method: 'GET',
  path: '/devices/{id}/commands',
  summary: 'Commands sent to a device, newest first',
  params: idParams,
  query: z.strictObject(pageQuery),
  response: page(deviceCommand),
  access: needs('device:read'),
  rate: 'api',
  audit: unaudited('commands are recorded when they are sent'),
});

export const commandSend = endpoint({
  method: 'POST',
  path: '/devices/{id}/commands',
  summary: 'Send a command over MQTT; it is acknowledged, fails or times out',
  params: idParams,
  body: z.strictObject({
    name: z.string().regex(/^[A-Za-z0-9_.-]{1,64}$/),
    payload: z.json().optional(),
    timeoutSeconds: z.int().min(1).max(86_400).optional().describe('60 unless told'),
  }),
  response: deviceCommand,
  status: 202,
  inspection: [reported('body.payload', 'a command for a device may well be a command')],
  access: needs('device:write'),
  rate: 'api',
  audit: records('device.command_sent'),
});

export const deviceEvent = z.strictObject({
  at: timestamp,
  kind: z.enum(['status']),
  status: deviceStatus,
  reason: z.string(),
});
export type DeviceEvent = z.infer<typeof deviceEvent>;

export const deviceEventsList = endpoint({
  method: 'GET',
  path: '/devices/{id}/events',
  summary: 'When a device came, went and what it said of itself, newest first',
  params: idParams,
  query: z.strictObject(pageQuery),
  response: page(deviceEvent),
  access: needs('device:read'),
  rate: 'api',
  audit: unaudited('status changes are not personal data'),
});
