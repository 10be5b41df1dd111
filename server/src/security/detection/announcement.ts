import type { IncidentSeverity, SecurityLevel } from '@valtronics/contract';
import { completeEvent } from '../events/complete-event.ts';
import type { SecurityEvent } from '../events/security-event.ts';
import type { DetectionRow } from './detection.repository.ts';
import type { Detection } from './detection.ts';
import type { Scenario } from './scenario.ts';

const levels: Record<IncidentSeverity, SecurityLevel> = {
  low: 'info',
  medium: 'warning',
  high: 'error',
  critical: 'critical',
};

/** A scenario that is no longer looked for leaves its detections: nothing more follows from them. */
export function detectionOf(row: DetectionRow, scenario: Scenario | undefined): Detection {
  return {
    id: row.id,
    at: row.at,
    scenario: row.scenario,
    name: scenario?.name ?? row.scenario,
    severity: row.severity,
    technique: row.technique,
    organisationId: row.organisation_id,
    subject: { scope: row.scope, value: row.subject },
    firstAt: row.first_at,
    lastAt: row.last_at,
    count: row.count,
    events: row.events,
    response: scenario?.response ?? { decision: 'none', opensIncident: false },
    simulated: row.simulated,
  };
}

/** Under the id of the detection, so that it is one event however often it is announced. */
export function announcementOf(detection: Detection): SecurityEvent {
  const { scope, value } = detection.subject;
  const { technique, severity, simulated, count, name } = detection;
  const event = completeEvent(
    {
      action: 'detection.raised',
      outcome: 'success',
      transport: 'system',
      level: levels[severity],
      organisationId: detection.organisationId,
      address: scope === 'ip' ? value : null,
      user: scope === 'user' ? { id: value, label: null } : null,
      deviceId: scope === 'device' ? value : null,
      reason: detection.scenario,
      details: { detectionId: detection.id, name, severity, technique, scope, subject: value, count, simulated },
    },
    detection.id,
    detection.at,
  );
  return event;
}
