import { z } from 'zod';
import { id, idParams, name, page, severity, timestamp } from './common.ts';
import { endpoint } from './endpoint.ts';
import { field } from './fields.ts';
import { needs, records, reported, unaudited } from './policy.ts';

export const notificationChannel = z.strictObject({
  id,
  name: z.string(),
  kind: z.enum(['email', 'webhook']),
  target: field(
    'notification_channels.target',
    z.string().nullable().describe('address, or URL; null where it does not open'),
  ),
  unreadable: z
    .array(z.enum(['target']))
    .describe('there is one that does not open: it was altered in the database, or its key is gone. Give it again'),
  minimumSeverity: severity,
  enabled: z.boolean(),
  createdAt: timestamp,
  lastDeliveredAt: timestamp.nullable(),
  lastError: field('notification_channels.last_error', z.string().nullable()),
});
export type NotificationChannel = z.infer<typeof notificationChannel>;

const reportedTarget = reported(
  'body.target',
  'where webhooks may go is decided when they are sent, by the addresses that are allowed',
);
const channelFields = {
  name,
  target: z.string().trim().min(3).max(500),
  minimumSeverity: severity.optional(),
  enabled: z.boolean().optional(),
};

export const channelsList = endpoint({
  method: 'GET',
  path: '/notification-channels',
  summary: 'Where alerts are sent; addresses are masked for who may not change them',
  response: page(notificationChannel),
  access: needs('alert:read'),
  rate: 'api',
  audit: unaudited('addresses are masked but for those who set them; no secret is in the answer'),
});

export const channelCreate = endpoint({
  method: 'POST',
  path: '/notification-channels',
  summary: 'Send alerts somewhere; a webhook gets its signing secret once',
  body: z.strictObject({ ...channelFields, kind: z.enum(['email', 'webhook']) }),
  response: z.strictObject({ channel: notificationChannel, secret: z.string().nullable() }),
  status: 201,
  inspection: [reportedTarget],
  freeText: ['name'],
  access: needs('config:manage', { stepUp: true }),
  rate: 'api',
  audit: records('notification_channel.created'),
});

export const channelChange = endpoint({
  method: 'PATCH',
  path: '/notification-channels/{id}',
  summary: 'Change a notification channel',
  params: idParams,
  body: z.strictObject(channelFields).partial(),
  response: notificationChannel,
  inspection: [reportedTarget],
  freeText: ['name'],
  access: needs('config:manage', { stepUp: true }),
  rate: 'api',
  audit: records('notification_channel.changed'),
});

export const channelDelete = endpoint({
  method: 'DELETE',
  path: '/notification-channels/{id}',
  summary: 'Stop sending alerts there',
  params: idParams,
  response: 'empty',
  status: 204,
  access: needs('config:manage', { stepUp: true }),
  rate: 'api',
  audit: records('notification_channel.deleted'),
});

export const channelTest = endpoint({
  method: 'POST',
  path: '/notification-channels/{id}/test',
  summary: 'Queue a test notification',
  params: idParams,
  response: 'empty',
  status: 202,
  access: needs('config:manage'),
  rate: 'api',
  audit: records('notification_channel.tested'),
});
