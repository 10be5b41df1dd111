import { z } from 'zod';
import { stream, topic } from './channel.ts';
import { deviceType, id, idParams, metric, name, note, page, pageQuery, severity, timestamp } from './common.ts';
import { endpoint } from './endpoint.ts';
import { device, needs, records, unaudited } from './policy.ts';

export const conditions = ['gt', 'gte', 'lt', 'lte', 'eq', 'ne', 'rises_by', 'falls_by', 'no_data'] as const;
export type Condition = (typeof conditions)[number];

const ruleFields = {
  name,
  deviceId: id.nullable().optional().describe('this device'),
  deviceType: deviceType.nullable().optional().describe('all devices of this type; with neither, the whole fleet'),
  metric,
  condition: z.enum(conditions),
  threshold: z.number().nullable().optional().describe('needed by all conditions but no_data'),
  perSeconds: z
    .int()
    .min(1)
    .max(86_400)
    .nullable()
    .optional()
    .describe('needed by rises_by and falls_by: the span of the change'),
  clearThreshold: z
    .number()
    .nullable()
    .optional()
    .describe('hysteresis: clears only beyond this; the threshold unless told'),
  forSeconds: z
    .int()
    .min(0)
    .max(86_400)
    .optional()
    .describe('the condition must hold this long (event time); for no_data the silence'),
  severity,
  cooldownSeconds: z
    .int()
    .min(0)
    .max(604_800)
    .optional()
    .describe('after an alert has cleared, no new one for this long'),
  enabled: z.boolean().optional(),
};

const ruleShape = z.strictObject(ruleFields);
type RuleInput = z.infer<typeof ruleShape>;

/** One place for what makes a rule sensible; the form in the web and the API both use it. Returns the path and the reason. */
export function ruleFaults(rule: Partial<RuleInput>): { path: keyof RuleInput; message: string }[] {
  const faults: { path: keyof RuleInput; message: string }[] = [];
  if (rule.deviceId && rule.deviceType)
    faults.push({ path: 'deviceType', message: 'name a device or a type, not both' });
  if (rule.condition !== 'no_data' && rule.threshold == null)
    faults.push({ path: 'threshold', message: 'this condition needs a threshold' });
  if (rule.condition === 'no_data' && !rule.forSeconds)
    faults.push({ path: 'forSeconds', message: 'say how long the silence must last' });
  const isRate = rule.condition === 'rises_by' || rule.condition === 'falls_by';
  if (isRate && !rule.perSeconds) faults.push({ path: 'perSeconds', message: 'a change needs a span' });
  if (isRate && rule.threshold != null && rule.threshold <= 0)
    faults.push({ path: 'threshold', message: 'a change is greater than 0' });
  if (rule.clearThreshold != null && rule.threshold != null) {
    const above = rule.condition === 'gt' || rule.condition === 'gte';
    const below = rule.condition === 'lt' || rule.condition === 'lte';
    if (!above && !below)
      faults.push({ path: 'clearThreshold', message: 'only above and below have a clearing threshold' });
    else if (above ? rule.clearThreshold > rule.threshold : rule.clearThreshold < rule.threshold)
      faults.push({ path: 'clearThreshold', message: 'lies on the alerting side of the threshold' });
  }
  return faults;
}

export const alertRuleInput = ruleShape.superRefine((rule, context) => {
  for (const { path, message } of ruleFaults(rule)) context.addIssue({ code: 'custom', path: [path], message });
});
export type AlertRuleInput = z.infer<typeof alertRuleInput>;

export const alertRule = z.strictObject({
  id,
  name: z.string(),
  deviceId: id.nullable(),
  deviceType: z.string().nullable(),
  metric: z.string(),
  condition: z.enum(conditions),
  threshold: z.number().nullable(),
  perSeconds: z.int().nullable(),
  clearThreshold: z.number().nullable(),
  forSeconds: z.int(),
  severity,
  cooldownSeconds: z.int(),
  enabled: z.boolean(),
  createdAt: timestamp,
  updatedAt: timestamp,
});
export type AlertRule = z.infer<typeof alertRule>;

const rulePolicyRead = {
  access: needs('alert:read'),
  rate: 'api',
  audit: unaudited('rules hold no personal data'),
} as const;

export const alertRulesList = endpoint({
  method: 'GET',
  path: '/alert-rules',
  summary: 'Alert rules',
  query: z.strictObject({ ...pageQuery, deviceId: id.optional().describe('only rules that apply to this device') }),
  response: page(alertRule),
  ...rulePolicyRead,
});

export const alertRuleGet = endpoint({
  method: 'GET',
  path: '/alert-rules/{id}',
  summary: 'One alert rule',
  params: idParams,
  response: alertRule,
  ...rulePolicyRead,
});

export const alertRuleCreate = endpoint({
  method: 'POST',
  path: '/alert-rules',
  summary: 'Create an alert rule',
  body: alertRuleInput,
  response: alertRule,
  status: 201,
  access: needs('alert:write'),
  rate: 'api',
  audit: records('alert_rule.created'),
});

export const alertRuleChange = endpoint({
  method: 'PUT',
  path: '/alert-rules/{id}',
  summary: 'Replace an alert rule; its open alerts clear',
  params: idParams,
  body: alertRuleInput,
  response: alertRule,
  access: needs('alert:write'),
  rate: 'api',
  audit: records('alert_rule.changed'),
});

export const alertRuleDelete = endpoint({
  method: 'DELETE',
  path: '/alert-rules/{id}',
  summary: 'Delete an alert rule; its history stays',
  params: idParams,
  response: 'empty',
  status: 204,
  access: needs('alert:write'),
  rate: 'api',
  audit: records('alert_rule.deleted'),
});

export const alertRuleDryRun = endpoint({
  method: 'POST',
  path: '/alert-rules/dry-run',
  summary: 'How often a rule would have fired over recorded history (up to 30 days, 50 devices)',
  body: z.strictObject({ rule: alertRuleInput, from: timestamp, to: timestamp }),
  response: z.strictObject({
    devices: z.int().describe('how many devices the rule applies to'),
    evaluatedDevices: z.int(),
    evaluatedPoints: z.int(),
    truncated: z.boolean(),
    firings: z.array(
      z.strictObject({
        deviceId: id,
        deviceName: z.string(),
        from: timestamp,
        to: timestamp.nullable(),
        peak: z.number().nullable(),
      }),
    ),
  }),
  access: needs('alert:write'),
  rate: 'api',
  audit: unaudited('nothing changes; the history it reads is open to the same person'),
});

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
  title: z.string(),
  detail: z.string().nullable(),
  value: z.number().nullable().describe('the value that raised it'),
  peak: z.number().nullable().describe('the worst value since'),
  threshold: z.number().nullable(),
  startedAt: timestamp.describe('event time at which the condition began'),
  raisedAt: timestamp,
  acknowledgedAt: timestamp.nullable(),
  acknowledgedBy: z.string().nullable(),
  resolvedAt: timestamp.nullable(),
  resolvedBy: z.string().nullable().describe('null with resolvedAt set: it cleared by itself'),
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
  audit: unaudited('reading is recorded for series of class health with the verifiable log'),
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
  by: z.string().nullable(),
  note: z.string().nullable(),
});

export const alertGet = endpoint({
  method: 'GET',
  path: '/alerts/{id}',
  summary: 'One alert with its whole history',
  params: idParams,
  response: alert.extend({ events: z.array(alertEvent) }),
  access: needs('alert:read'),
  rate: 'api',
  audit: unaudited('reading is recorded for series of class health with the verifiable log'),
});

const alertAct = {
  method: 'POST',
  params: idParams,
  body: z.strictObject({ note: note.optional() }),
  response: alert,
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

const channelName = name;
export const notificationChannel = z.strictObject({
  id,
  name: z.string(),
  kind: z.enum(['email', 'webhook']),
  target: z.string().describe('address, or URL'),
  minimumSeverity: severity,
  enabled: z.boolean(),
  createdAt: timestamp,
  lastDeliveredAt: timestamp.nullable(),
  lastError: z.string().nullable(),
});
export type NotificationChannel = z.infer<typeof notificationChannel>;

const channelFields = {
  name: channelName,
  target: z.string().trim().min(3).max(500),
  minimumSeverity: severity.optional(),
  enabled: z.boolean().optional(),
};

export const channelsList = endpoint({
  method: 'GET',
  path: '/notification-channels',
  summary: 'Where alerts are sent',
  response: page(notificationChannel),
  access: needs('config:manage'),
  rate: 'api',
  audit: unaudited('read by those who configure it; no secret is in the answer'),
});

export const channelCreate = endpoint({
  method: 'POST',
  path: '/notification-channels',
  summary: 'Send alerts somewhere; a webhook gets its signing secret once',
  body: z.strictObject({ ...channelFields, kind: z.enum(['email', 'webhook']) }),
  response: z.strictObject({ channel: notificationChannel, secret: z.string().nullable() }),
  status: 201,
  access: needs('config:manage'),
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
  access: needs('config:manage'),
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
  access: needs('config:manage'),
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
  access: needs('alert:read'),
  rate: 'api',
  audit: unaudited('reading is recorded for series of class health with the verifiable log'),
});
