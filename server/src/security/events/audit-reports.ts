import type { AuditEntry } from '../audit/audit-event.ts';
import type { SecurityReport } from './security-event.ts';

/** What reading a device's or a program's own rhythm would drown everything else in, and what the audit log alone is for. */
const SILENT = new Set<string>(['session.refreshed', 'telemetry.written', 'telemetry.expired']);
/** Who did what stands in the audit log; these say that somebody may have got in, or tries to. */
const ALARMING = new Set<string>([
  'session.reuse_detected',
  'account.suspicious',
  'address.suspicious',
  'block.created',
  'factor.reset',
]);

/** What an entry of the audit log says as a security event, under the same name; undefined: nothing. */
export function reportOfAudit(entry: AuditEntry): SecurityReport | undefined {
  if (SILENT.has(entry.event)) return undefined;
  const { actor, resource, details, address, organisationId, requestId, outcome } = entry;
  const isPerson =
    actor.kind === 'user' || actor.kind === 'api_key' || (actor.kind === 'anonymous' && actor.id !== null);
  return {
    action: entry.event,
    outcome,
    transport: actor.kind === 'cli' ? 'cli' : actor.kind === 'system' ? 'system' : 'http',
    organisationId,
    address,
    user: isPerson || actor.kind === 'cli' ? { id: actor.id ?? actor.kind, label: actor.label } : null,
    deviceId: actor.kind === 'device' ? actor.id : resource?.kind === 'device' ? resource.id : null,
    requestId,
    ...(ALARMING.has(entry.event) ? { level: 'warning' } : {}),
    ...(resource === null && details === undefined
      ? {}
      : {
          details: { ...details, ...(resource === null ? {} : { resource: resource.kind, resourceId: resource.id }) },
        }),
  };
}
