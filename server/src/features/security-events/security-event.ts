import type { DetectionBody, SecurityEventBody } from '@valtronics/contract';
import type { DetectionListRow } from './detection-list.repository.ts';
import type { SecurityEventRow } from './security-event.repository.ts';

export function presentEvent(row: SecurityEventRow): SecurityEventBody {
  return {
    id: row.id,
    at: row.at.toISOString(),
    ofInstance: row.organisation_id === null,
    category: row.category,
    action: row.action,
    outcome: row.outcome,
    level: row.level,
    transport: row.transport,
    address: row.address,
    user: row.user_id === null ? null : { id: row.user_id, label: row.user_label },
    deviceId: row.device_id,
    http: row.method === null ? null : { method: row.method, route: row.route ?? '', status: row.status },
    requestId: row.request_id,
    reason: row.reason,
    count: row.count,
    details: row.details,
  };
}

export function presentDetection(row: DetectionListRow, name: string | undefined): DetectionBody {
  return {
    id: row.id,
    at: row.at.toISOString(),
    ofInstance: row.organisation_id === null,
    scenario: row.scenario,
    name: name ?? row.scenario,
    severity: row.severity,
    technique: row.technique,
    subject: { scope: row.scope, value: row.subject },
    firstAt: row.first_at.toISOString(),
    lastAt: row.last_at.toISOString(),
    count: row.count,
    simulated: row.simulated,
    answeredAt: row.answered_at?.toISOString() ?? null,
  };
}
