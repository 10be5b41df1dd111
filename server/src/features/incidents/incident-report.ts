import type { Incident, IncidentSeverity } from '@valtronics/contract';
import type { SecurityReport } from '../../security/events/security-event.ts';

export interface OpenedIncident {
  readonly id: string;
  readonly organisationId: number | null;
  readonly severity: IncidentSeverity;
  readonly subject: Incident['subject'];
  readonly reason: string | null;
  readonly details?: Readonly<Record<string, unknown>>;
}

const levels = { low: 'info', medium: 'warning', high: 'error', critical: 'critical' } as const;

/** What a receiver of security events hears of an incident, by whomever it was opened. */
export function openedReport({
  id,
  organisationId,
  severity,
  subject,
  reason,
  details,
}: OpenedIncident): SecurityReport {
  return {
    action: 'incident.opened',
    outcome: 'unknown',
    transport: 'system',
    level: levels[severity],
    organisationId,
    address: subject?.scope === 'ip' ? subject.value : null,
    deviceId: subject?.scope === 'device' ? subject.value : null,
    reason,
    details: { incident: id, severity, subject, ...details },
  };
}
