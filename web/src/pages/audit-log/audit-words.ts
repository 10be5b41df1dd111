import { type AuditEvent, type AuditEventName, auditEvents } from '@valtronics/contract';

export const outcomeWords = { success: 'Success', failure: 'Failure' } as const;

export const actorName = ({ kind, label, id }: AuditEvent['actor']): string =>
  label ?? (id ? `${kind} …${id.slice(-8)}` : kind);

/** The sentence of the contract's own table; an event it does not know by its name. */
export const eventText = ({ event }: AuditEvent): string =>
  event in auditEvents ? auditEvents[event as AuditEventName] : event;
