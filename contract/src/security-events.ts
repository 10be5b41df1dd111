import { z } from 'zod';
import { auditEvents } from './audit-events.ts';
import { stream } from './channel.ts';
import { id, page, pageQuery, timestamp } from './common.ts';
import { endpoint } from './endpoint.ts';
import { field } from './fields.ts';
import { needs, records, unaudited } from './policy.ts';

/** ECS `event.category` in our five words; the mapping to ECS's own stands in the server's `security/events`. */
export const securityCategories = [
  'authentication',
  'authorization',
  'data_access',
  'incident',
  'configuration',
] as const;
export type SecurityCategory = (typeof securityCategories)[number];

export const securityLevels = ['info', 'warning', 'error', 'critical'] as const;
export type SecurityLevel = (typeof securityLevels)[number];

export const incidentSeverities = ['low', 'medium', 'high', 'critical'] as const;
export type IncidentSeverity = (typeof incidentSeverities)[number];

/**
 * What the doors and the machinery report beside what the audit log records (events of the audit log are security events under their own
 * name). Public: add, never rename. The text completes the sentence "On <date> <source> …".
 */
export const securityActions = {
  'credential.refused': { category: 'authentication', text: 'presented a credential that is not good' },
  'access.refused': { category: 'authorization', text: 'asked for what it may not do' },
  'resource.missing': { category: 'authorization', text: 'asked for something that is not there' },
  'path.unknown': { category: 'authorization', text: 'asked for a path that does not exist' },
  'origin.refused': { category: 'authorization', text: 'sent a write from another site' },
  'rate.exceeded': { category: 'authorization', text: 'sent more than its limit' },
  'block.enforced': { category: 'authorization', text: 'was turned away by a block' },
  'topic.refused': { category: 'authorization', text: 'used a topic that is not its own' },
  'request.malformed': { category: 'authorization', text: 'sent what cannot be read' },
  'request.suspicious': { category: 'authorization', text: 'sent what looks like an attack' },
  'request.blocked': { category: 'authorization', text: 'sent an attack, which was refused' },
  'device.connected': { category: 'authentication', text: 'connected' },
  'device.disconnected': { category: 'authentication', text: 'disconnected' },
  'telemetry.flooded': { category: 'authorization', text: 'sent more telemetry than its limit' },
  'session.moved': { category: 'authentication', text: 'used one session from two networks' },
  'device.moved': { category: 'authentication', text: 'used one device credential from two addresses at once' },
  'data.exported': { category: 'data_access', text: 'read data in bulk' },
  'personal_data.found': { category: 'data_access', text: 'sent personal data where none is expected' },
  'events.dropped': { category: 'incident', text: 'could not be kept in the database' },
  'fleet.silent': { category: 'incident', text: 'fell silent' },
  'detection.raised': { category: 'incident', text: 'was detected' },
  'incident.opened': { category: 'incident', text: 'became an incident' },
  'audit.tampered': { category: 'incident', text: 'does not match what was signed before' },
  'audit.checkpoint': { category: 'configuration', text: 'signed a checkpoint of the audit log' },
  'data.tampered': { category: 'incident', text: 'holds a value that is not the one that was sealed' },
  'backup.tampered': { category: 'incident', text: 'is not the backup that was made' },
  'backup.drill_failed': { category: 'incident', text: 'found in a drill that a backup does not come back' },
  'backup.failed': { category: 'incident', text: 'could not make a backup, or look at one' },
  'backup.overdue': { category: 'incident', text: 'has no backup, or no drill, as new as it should have' },
  'siem.tested': { category: 'configuration', text: 'sent a test event to a destination of security events' },
  'clock.jumped': { category: 'incident', text: 'moved its clock' },
} as const satisfies Record<string, { category: SecurityCategory; text: string }>;
export type SecurityAction = keyof typeof securityActions;

/** What an event says in words, of the doors' own and of the audit log's. */
export const securityEventText = (action: string): string => {
  const own = (securityActions as Record<string, { text: string } | undefined>)[action]?.text;
  return own ?? (auditEvents as Record<string, string | undefined>)[action] ?? action;
};

const category = z.enum(securityCategories);
const level = z.enum(securityLevels);
const outcome = z.enum(['success', 'failure', 'unknown']);
export const incidentSeverity = z.enum(incidentSeverities);

export const securityEvent = z.strictObject({
  id,
  at: timestamp,
  /** It belongs to no organisation (a stranger at a door); the organisation that runs the instance sees it. */
  ofInstance: z.boolean(),
  category,
  action: z.string(),
  outcome,
  level,
  transport: z.enum(['http', 'mqtt', 'websocket', 'cli', 'system']),
  address: field('security_events.source_address', z.string().nullable()),
  user: z
    .strictObject({ id: z.string(), label: field('security_events.user_label', z.string().nullable()) })
    .nullable(),
  deviceId: id.nullable(),
  http: z.strictObject({ method: z.string(), route: z.string(), status: z.int().nullable() }).nullable(),
  requestId: z.string().nullable(),
  reason: field('security_events.reason', z.string().nullable()),
  count: z.int().describe('how many there were of it within the second'),
  details: field('security_events.details', z.record(z.string(), z.unknown())),
});
export type SecurityEventBody = z.infer<typeof securityEvent>;

const readingEvidence = 'what was seen is evidence already; reading it changes nothing';

export const securityEventsList = endpoint({
  method: 'GET',
  path: '/security-events',
  summary: 'What happened to security, newest first',
  query: z.strictObject({
    ...pageQuery,
    category: category.optional(),
    action: z.string().max(80).optional(),
    level: level.optional(),
    outcome: outcome.optional(),
    address: z
      .union([z.ipv4(), z.ipv6(), z.cidrv4(), z.cidrv6()])
      .optional()
      .describe('an address, or a network for all that came from there'),
    userId: z.string().max(80).optional(),
    deviceId: id.optional(),
    detectionId: id.optional().describe('the events that led to this detection'),
    from: timestamp.optional(),
    to: timestamp.optional(),
  }),
  response: page(securityEvent),
  access: needs('system:admin'),
  rate: 'api',
  audit: unaudited(readingEvidence),
});

const trend = z.enum(['increasing', 'stable', 'decreasing']).describe('against the span of the same length before');
const countsOf = z.record(z.string(), z.int());

export const securityRanges = ['24h', '7d', '30d'] as const;
export const securityStatistics = z.strictObject({
  range: z.enum(securityRanges),
  from: timestamp,
  to: timestamp,
  failedAttempts: z
    .strictObject({
      total: z.int(),
      uniqueAddresses: z.int(),
      trend,
      peakHour: timestamp.nullable().describe('the hour with the most of them'),
    })
    .describe('events of category authentication with outcome failure'),
  suspicious: z
    .strictObject({ total: z.int(), byType: countsOf, addresses: z.int(), trend })
    .describe('detections by scenario; addresses marked as suspicious'),
  blocked: z
    .strictObject({ blocks: z.int(), addresses: z.int(), refused: z.int(), trend })
    .describe('block.created, and what was turned away: block.enforced and request.blocked'),
  events: z.strictObject({ total: z.int(), byCategory: countsOf, byLevel: countsOf, byAction: countsOf }),
});
export type SecurityStatistics = z.infer<typeof securityStatistics>;

export const securityStatisticsGet = endpoint({
  method: 'GET',
  path: '/security-events/statistics',
  summary: 'Failed attempts, suspicious activity and blocks, counted from the events behind them',
  query: z.strictObject({ range: z.enum(securityRanges).optional().describe('24h unless told') }),
  response: securityStatistics,
  access: needs('system:admin'),
  rate: 'api',
  audit: unaudited(readingEvidence),
});

export const detection = z.strictObject({
  id,
  at: timestamp,
  ofInstance: z.boolean(),
  scenario: z.string(),
  name: z.string(),
  severity: incidentSeverity,
  technique: z.string().nullable().describe('of MITRE ATT&CK'),
  subject: z.strictObject({
    scope: z.enum(['ip', 'range', 'user', 'device', 'organisation', 'instance']),
    value: field('detections.subject', z.string()),
  }),
  firstAt: timestamp,
  lastAt: timestamp,
  count: z.int(),
  simulated: z.boolean().describe('tried out only: nothing follows from it'),
  answeredAt: timestamp.nullable().describe('when the decision and the incident that follow from it stood'),
});
export type DetectionBody = z.infer<typeof detection>;

export const detectionsList = endpoint({
  method: 'GET',
  path: '/detections',
  summary: 'What was concluded from security events, newest first',
  query: z.strictObject({
    ...pageQuery,
    scenario: z.string().max(80).optional(),
    severity: incidentSeverity.optional(),
    subject: z.string().max(200).optional(),
    from: timestamp.optional(),
    to: timestamp.optional(),
  }),
  response: page(detection),
  access: needs('system:admin'),
  rate: 'api',
  audit: unaudited(readingEvidence),
});

export const detectionScenario = z.strictObject({
  id: z.string(),
  name: z.string(),
  description: z.string(),
  technique: z.string().nullable(),
  severity: incidentSeverity,
  type: z.enum(['trigger', 'window', 'bucket', 'distinct', 'sequence']),
  response: z.strictObject({ decision: z.enum(['none', 'block', 'ban']), opensIncident: z.boolean() }),
  simulated: z.boolean(),
});
export type DetectionScenarioBody = z.infer<typeof detectionScenario>;

export const detectionScenariosList = endpoint({
  method: 'GET',
  path: '/detection-scenarios',
  summary: 'The scenarios that are looked for',
  response: z.strictObject({ items: z.array(detectionScenario) }),
  access: needs('system:admin'),
  rate: 'api',
  audit: unaudited('scenarios are part of the product'),
});

export const detectionScenarioChange = endpoint({
  method: 'PATCH',
  path: '/detection-scenarios/{id}',
  summary:
    'Try a scenario out (simulation: shown, nothing follows), or put it into force. For the organisation that runs the instance',
  params: z.strictObject({ id: z.string().max(80) }),
  body: z.strictObject({ simulated: z.boolean() }),
  response: detectionScenario,
  access: needs('system:admin', { stepUp: true }),
  rate: 'api',
  audit: records('detection_scenario.changed'),
});

export const securityStream = stream({
  channel: 'security',
  direction: 'subscribe',
  summary: 'Security events as they happen',
  filter: z.strictObject({}),
  message: z.strictObject({ type: z.literal('security'), event: securityEvent }),
  access: needs('system:admin'),
  rate: 'api',
  audit: unaudited(readingEvidence),
});
