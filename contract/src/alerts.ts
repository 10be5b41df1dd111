import { z } from 'zod';
import { stream, topic } from './channel.ts';
import { id, idParams, note, page, pageQuery, severity, timestamp } from './common.ts';
import { endpoint } from './endpoint.ts';
import { actingPerson, field } from './fields.ts';
import { device, needs, reads, records, reported, unaudited } from './policy.ts';

export const alertStatus = z.enum(['active', 'acknowledged', 'resolved']);
export type AlertStatus = z.infer<typeof alertStatus>;

export const alert = z.strictObject({
  id,
  type: z.enum(['rule', 'device']),
  ruleId: id.nullable(),
  deviceId: id,
  deviceName: z.string(),
  metric: z.string().nullable(),
  severity,
  status: alertStatus,
  title: field('alerts.title', z.string()),
  detail: field('alerts.detail', z.string().nullable()),
  value: field('alerts.value', z.number().nullable().describe('the value that raised it')),
  peak: field('alerts.peak', z.number().nullable().describe('the worst value since')),
  threshold: z.number().nullable(),
  health: z
    .boolean()
    .describe(
      'of class health: detail, value and peak are for who holds `health:read`, and null elsewhere, also in messages',
    ),
  startedAt: timestamp.describe('event time at which the condition began'),
  raisedAt: timestamp,
  acknowledgedAt: timestamp.nullable(),
  acknowledgedBy: actingPerson(z.string()).nullable(),
  resolvedAt: timestamp.nullable(),
  resolvedBy: actingPerson(z.string()).nullable().describe('null with resolvedAt set: it cleared by itself'),
});
export type Alert = z.infer<typeof alert>;

export const alertsList = endpoint({
  method: 'GET',
  path: '/alerts',
  summary: 'Alerts, newest first',
  query: z.strictObject({
    ...pageQuery,
    status: alertStatus.optional(),
    open: z.enum(['true']).optional().describe('active and acknowledged'),
    severity: severity.optional(),
    deviceId: id.optional(),
    ruleId: id.optional(),
    from: timestamp.optional(),
    to: timestamp.optional(),
  }),
  response: page(alert),
  access: needs('alert:read'),
  rate: 'api',
  audit: reads('alert.read', 'health'),
});

export const alertsSummary = endpoint({
  method: 'GET',
  path: '/alerts/summary',
  summary: 'Open alerts by severity and status',
  response: z.strictObject({
    active: z.record(severity, z.int()),
    acknowledged: z.record(severity, z.int()),
    resolvedLast24h: z.int(),
  }),
  access: needs('alert:read'),
  rate: 'api',
  audit: unaudited('counts hold no personal data'),
});

export const alertEvent = z.strictObject({
  at: timestamp,
  kind: z.enum(['raised', 'acknowledged', 'resolved', 'cleared', 'note', 'notified', 'notification_failed']),
  by: actingPerson(z.string()).nullable(),
  note: field('alert_events.note', z.string().nullable()),
});

export const alertGet = endpoint({
  method: 'GET',
  path: '/alerts/{id}',
  summary: 'One alert with its whole history',
  params: idParams,
  response: alert.extend({ events: z.array(alertEvent) }),
  access: needs('alert:read'),
  rate: 'api',
  audit: reads('alert.read', 'health'),
});

const alertAct = {
  method: 'POST',
  params: idParams,
  body: z.strictObject({ note: note.optional() }),
  response: alert,
  inspection: [reported('body.note', 'whoever clears a fault writes down the commands that did it')],
  freeText: ['note'],
  access: needs('alert:acknowledge'),
  rate: 'api',
} as const;

export const alertAcknowledge = endpoint({
  ...alertAct,
  path: '/alerts/{id}/acknowledge',
  summary: 'Someone is on it',
  audit: records('alert.acknowledged'),
});

export const alertResolve = endpoint({
  ...alertAct,
  path: '/alerts/{id}/resolve',
  summary: 'It is dealt with',
  audit: records('alert.resolved'),
});

export const alertNote = endpoint({
  ...alertAct,
  path: '/alerts/{id}/notes',
  summary: 'Write something into its history',
  body: z.strictObject({ note }),
  audit: records('alert.noted'),
});

export const alertTopics = {
  older: topic({
    pattern: 'valtronics/{deviceId}/alert',
    direction: 'publish',
    summary: 'Older scheme: an alert the device raises itself',
    maxBytes: 8192,
    access: device(),
    rate: 'ingest',
    audit: unaudited('the alert and its history are the record'),
  }),
} as const;

export const alertsStream = stream({
  channel: 'alerts',
  direction: 'subscribe',
  summary: 'Alerts as they are raised and change',
  filter: z.strictObject({ deviceId: id.optional() }),
  message: z.strictObject({ type: z.literal('alert'), alert }),
  access: needs('alert:read'),
  rate: 'api',
  audit: reads('alert.read', 'health'),
});
