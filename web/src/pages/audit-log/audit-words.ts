import { type AuditEvent, type AuditEventName, auditEvents } from '@valtronics/contract';

export const outcomeWords = { success: 'Success', failure: 'Failure' } as const;

export const actorName = ({ kind, label, id }: AuditEvent['actor']): string =>
  label ?? (id ? `${kind} ${shortId(id)}` : kind);

/** UUIDs differ at their end; what is a word is read whole. */
export const shortId = (id: string): string => (/^[0-9a-f-]{36}$/.test(id) || id.length > 24 ? `…${id.slice(-8)}` : id);

/** The sentence of the contract's own table; an event it does not know by its name. */
export const eventText = ({ event }: AuditEvent): string =>
  event in auditEvents ? auditEvents[event as AuditEventName] : event;
