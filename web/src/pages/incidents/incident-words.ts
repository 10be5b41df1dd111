import type { Incident, IncidentEntry } from '@valtronics/contract';
import { duration } from '../../ui/time/format-time.ts';

type Subject = NonNullable<Incident['subject']>;

const scopeWords: Record<Subject['scope'], string> = {
  ip: 'Address',
  range: 'Network',
  user: 'Person',
  device: 'Device',
  organisation: 'Organisation',
  instance: 'Instance',
};

export const scopeWord = (scope: Subject['scope']) => scopeWords[scope];

export const subjectText = ({ scope, value }: Subject): string =>
  scope === 'organisation' || scope === 'instance' ? `The ${scope}` : `${scopeWords[scope]} ${value}`;

export const entryWords: Record<IncidentEntry['kind'], string> = {
  opened: 'Opened',
  detection: 'Detected',
  event: 'Event',
  decision: 'Decided',
  acknowledged: 'Acknowledged',
  contained: 'Contained',
  resolved: 'Resolved',
  reopened: 'Reopened',
  assigned: 'Assigned',
  severity: 'Severity',
  note: 'Note',
  breach_flagged: 'Flagged as a breach of personal data',
  breach_reminded: 'Reminded of the time limit',
  breach_notified: 'Authority told',
  breach_withdrawn: 'Flag of a breach withdrawn',
  told: 'Told',
};

/** `–` until it happened; then how long it took. */
export const lasting = (seconds: number | null): string => (seconds === null ? '–' : duration(seconds));

/** What is left of the 72 hours, or by how much they are over; where they are stopped, how much was left. */
export function breachText({ dueAt, notifiedAt }: NonNullable<Incident['breach']>, now: number): string {
  const left = (Date.parse(dueAt) - (notifiedAt === null ? now : Date.parse(notifiedAt))) / 1000;
  const span = duration(Math.abs(left));
  if (notifiedAt !== null) return left >= 0 ? `Told with ${span} to spare` : `Told ${span} late`;
  return left >= 0 ? `${span} left` : `${span} overdue`;
}

export type BreachTone = 'critical' | 'warning' | 'muted';
const dayMs = 86_400_000;
export function breachTone({ dueAt, notifiedAt }: NonNullable<Incident['breach']>, now: number): BreachTone {
  if (notifiedAt !== null) return 'muted';
  return Date.parse(dueAt) - now < dayMs ? 'critical' : 'warning';
}
