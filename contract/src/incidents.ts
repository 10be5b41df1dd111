import { z } from 'zod';
import { id, idParams, note, page, pageQuery, timestamp } from './common.ts';
import { endpoint } from './endpoint.ts';
import { actingPerson, field } from './fields.ts';
import { needs, records, reported, unaudited } from './policy.ts';
import { incidentSeverities } from './security-events.ts';

const severity = z.enum(incidentSeverities);
export const incidentStatus = z.enum(['open', 'acknowledged', 'contained', 'resolved']);
export type IncidentStatus = z.infer<typeof incidentStatus>;

const person = z.strictObject({ id, label: actingPerson(z.string()) });
const subjectScope = z.enum(['ip', 'range', 'user', 'device', 'organisation', 'instance']);

/** GDPR Article 33: the authority is told within 72 hours after one became aware of the breach. */
const breach = z.strictObject({
  flaggedAt: timestamp,
  flaggedBy: actingPerson(z.string()).nullable(),
  awareAt: timestamp.describe('when the 72 hours began'),
  dueAt: timestamp,
  remindedAt: timestamp.nullable(),
  notifiedAt: timestamp.nullable().describe('when the authority was told'),
  notifiedBy: actingPerson(z.string()).nullable(),
});

export const incident = z.strictObject({
  id,
  scope: z.enum(['organisation', 'instance']).describe('`instance`: it belongs to no organisation'),
  title: field('incidents.title', z.string()),
  severity,
  status: incidentStatus,
  subject: z
    .strictObject({ scope: subjectScope, value: field('incidents.subject', z.string()) })
    .nullable()
    .describe('the first it was about'),
  openedAt: timestamp,
  openedBy: actingPerson(z.string()).nullable().describe('null: by a detection'),
  firstAt: timestamp.describe('when what it is about began'),
  lastAt: timestamp.describe('when it was last seen'),
  detections: z.int(),
  events: z.int().describe('how many security events led to its detections'),
  owner: person.nullable(),
  acknowledgedAt: timestamp.nullable(),
  containedAt: timestamp.nullable(),
  resolvedAt: timestamp.nullable(),
  secondsToAcknowledge: z.int().nullable(),
  secondsToResolve: z.int().nullable(),
  breach: breach.nullable(),
});
export type Incident = z.infer<typeof incident>;

export const timelineKinds = [
  'opened',
  'detection',
  'event',
  'decision',
  'acknowledged',
  'contained',
  'resolved',
  'reopened',
  'assigned',
  'severity',
  'note',
  'breach_flagged',
  'breach_reminded',
  'breach_notified',
  'breach_withdrawn',
  'told',
] as const;

export const incidentEntry = z.strictObject({
  at: timestamp,
  kind: z.enum(timelineKinds),
  by: actingPerson(z.string()).nullable().describe('null: the machine'),
  note: field('incident_entries.note', z.string().nullable()),
  /** Of a detection, an event or a decision: what it is called, whom it is about, and how to find it. */
  id: id.nullable(),
  name: z.string().nullable(),
  severity: severity.nullable(),
  technique: z.string().nullable(),
  subject: z.strictObject({ scope: subjectScope, value: field('incident_detections.subject', z.string()) }).nullable(),
  count: z.int().nullable(),
});
export type IncidentEntry = z.infer<typeof incidentEntry>;

export const incidentsList = endpoint({
  method: 'GET',
  path: '/incidents',
  summary: 'Incidents, newest first',
  query: z.strictObject({
    ...pageQuery,
    status: incidentStatus.optional(),
    open: z.enum(['true']).optional().describe('all that are not resolved'),
    severity: severity.optional(),
    owner: z.union([z.enum(['me', 'none']), id]).optional(),
    breach: z.enum(['running', 'flagged']).optional().describe('`running`: the authority has not been told yet'),
    subject: z.string().trim().min(1).max(200).optional().describe('an address, a person or a device it is about'),
    from: timestamp.optional(),
    to: timestamp.optional(),
    resolvedFrom: timestamp.optional().describe('resolved then or later'),
  }),
  response: page(incident),
  access: needs('system:admin'),
  rate: 'api',
  audit: unaudited('reading it changes nothing; what is done about an incident is recorded'),
});

export const incidentsSummary = endpoint({
  method: 'GET',
  path: '/incidents/summary',
  summary: 'Open incidents by severity, clocks that run, and how long it took in the last 30 days',
  response: z.strictObject({
    open: z.record(severity, z.int()),
    unacknowledged: z.int(),
    unowned: z.int(),
    breachesRunning: z.int(),
    nextBreachDueAt: timestamp.nullable(),
    since: timestamp.describe('when the last 30 days began'),
    resolvedLast30d: z.int(),
    meanSecondsToAcknowledge: z.int().nullable(),
    meanSecondsToResolve: z.int().nullable(),
  }),
  access: needs('system:admin'),
  rate: 'api',
  audit: unaudited('counts hold no personal data'),
});

const reportedNote = reported('body.note', 'whoever describes an attack quotes it');

export const incidentOpen = endpoint({
  method: 'POST',
  path: '/incidents',
  summary: 'Open an incident by hand',
  body: z.strictObject({
    title: z.string().trim().min(3).max(200),
    severity,
    note: note.optional(),
    startedAt: timestamp.optional().describe('when what it is about began; now unless told'),
    /** Whom it is about; what is detected about them joins it. */
    subject: z
      .strictObject({ scope: z.enum(['ip', 'range', 'user', 'device']), value: z.string().trim().min(1).max(200) })
      .optional(),
  }),
  response: incident,
  status: 201,
  inspection: [reportedNote, reported('body.title', 'whoever describes an attack quotes it')],
  freeText: ['title', 'note'],
  access: needs('system:admin'),
  rate: 'api',
  audit: records('incident.reported'),
});

export const incidentGet = endpoint({
  method: 'GET',
  path: '/incidents/{id}',
  summary: 'One incident with its timeline: events, detections, decisions and what people did',
  params: idParams,
  response: incident.extend({
    timeline: z.array(incidentEntry),
    timelineIsCut: z.boolean().describe('there is more than the timeline shows'),
  }),
  access: needs('system:admin'),
  rate: 'api',
  audit: unaudited('reading it changes nothing; what is done about an incident is recorded'),
});

const act = {
  method: 'POST',
  params: idParams,
  body: z.strictObject({ note: note.optional() }),
  response: incident,
  inspection: [reportedNote],
  freeText: ['note'],
  access: needs('system:admin'),
  rate: 'api',
} as const;
const withNote = z.strictObject({ note });

export const incidentAcknowledge = endpoint({
  ...act,
  path: '/incidents/{id}/acknowledge',
  summary: 'Someone is on it; who says so becomes its owner where it has none',
  audit: records('incident.acknowledged'),
});

export const incidentContain = endpoint({
  ...act,
  path: '/incidents/{id}/contain',
  summary: 'It does no more harm',
  audit: records('incident.contained'),
});

export const incidentResolve = endpoint({
  ...act,
  path: '/incidents/{id}/resolve',
  summary: 'It is dealt with; the note says how',
  body: withNote,
  audit: records('incident.resolved'),
});

export const incidentReopen = endpoint({
  ...act,
  path: '/incidents/{id}/reopen',
  summary: 'It was not dealt with after all; the note says why',
  body: withNote,
  audit: records('incident.reopened'),
});

export const incidentNote = endpoint({
  ...act,
  path: '/incidents/{id}/notes',
  summary: 'Write something into its timeline',
  body: withNote,
  audit: records('incident.noted'),
});

export const incidentAssign = endpoint({
  ...act,
  path: '/incidents/{id}/assign',
  summary: 'Give it to somebody, or to nobody',
  body: z.strictObject({ ownerId: id.nullable() }),
  freeText: [],
  inspection: [],
  audit: records('incident.assigned'),
});

export const incidentSeverityChange = endpoint({
  ...act,
  path: '/incidents/{id}/severity',
  summary: 'It is graver or less grave than it seemed; the note says why',
  body: z.strictObject({ severity, note }),
  audit: records('incident.severity_changed'),
});

export const incidentBreachFlag = endpoint({
  ...act,
  path: '/incidents/{id}/breach',
  summary: 'It is a breach of personal data: starts the 72 hours (GDPR Article 33)',
  body: z.strictObject({
    awareAt: timestamp.optional().describe('when one became aware of it, in the last 30 days; now unless told'),
    note: note.optional(),
  }),
  audit: records('incident.breach_flagged'),
});

export const incidentBreachNotified = endpoint({
  ...act,
  path: '/incidents/{id}/breach/notified',
  summary: 'The authority has been told: stops the clock',
  body: z.strictObject({
    notifiedAt: timestamp.optional().describe('when; now unless told'),
    note: note.describe('to whom, and under which reference'),
  }),
  audit: records('incident.breach_notified'),
});

export const incidentBreachWithdraw = endpoint({
  ...act,
  path: '/incidents/{id}/breach/withdraw',
  summary: 'It was no breach after all: the note is the reasoning that is kept',
  body: withNote,
  audit: records('incident.breach_withdrawn'),
});
