import { z } from 'zod';
import { deviceType, id, idParams, metric, name, page, pageQuery, severity, timestamp } from './common.ts';
import { endpoint } from './endpoint.ts';
import { field } from './fields.ts';
import { needs, records, unaudited } from './policy.ts';

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
  freeText: ['name'],
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
  freeText: ['name'],
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
  access: needs('alert:write', { stepUp: true }),
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
        peak: field('alerts.peak', z.number().nullable()),
      }),
    ),
  }),
  access: needs('alert:write'),
  rate: 'api',
  audit: unaudited('nothing changes; the history it reads is open to the same person'),
});
