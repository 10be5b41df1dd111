import { isIP } from 'node:net';
import { auditEvents, type SecurityCategory, type SecurityLevel, securityActions } from '@valtronics/contract';
import { isId } from '../../lib/ids.ts';
import { loggable, loggableText } from '../../platform/log/redaction.ts';
import type { SecurityEvent, SecurityReport } from './security-event.ts';

const MOST_DETAIL_CHARACTERS = 6_000;

/**
 * An event of what a door said. A stranger chooses some of its values, so each is cut to what its column takes, known shapes of secrets
 * are taken out, and what no database or line of text can hold faithfully (NUL, half a surrogate pair) is replaced. Never throws: a
 * report that could not be written down would be a way to do something unseen.
 */
export function completeEvent(report: SecurityReport, id: string, at: Date): SecurityEvent {
  const category = report.category ?? categoryOf(report.action);
  return {
    id,
    at,
    organisationId: report.organisationId ?? null,
    category,
    action: report.action,
    outcome: report.outcome,
    level: report.level ?? levelOf(report.outcome),
    transport: report.transport,
    address: addressOf(report.address),
    user: report.user ? { id: text(report.user.id, 80), label: optional(report.user.label, 254) } : null,
    deviceId: isId(report.deviceId) ? report.deviceId : null,
    http: report.http
      ? {
          method: text(report.http.method, 10),
          route: text(report.http.route, 300),
          status: Number.isInteger(report.http.status) ? report.http.status : null,
        }
      : null,
    requestId: optional(report.requestId, 80),
    reason: optional(report.reason, 80),
    count: 1,
    details: report.details ? plain(report.details) : {},
  };
}

/** Whoever counts by network says a /64 of IPv6, and a column of addresses holds its first one: it is counted under the same key again. */
function addressOf(said: string | null | undefined): string | null {
  const address = said?.replace(/::\/64$/, '::');
  return address && isIP(address) > 0 ? address.split('%', 1)[0] || null : null;
}

const levelOf = (outcome: SecurityEvent['outcome']): SecurityLevel => (outcome === 'failure' ? 'warning' : 'info');

function categoryOf(action: string): SecurityCategory {
  const own = (securityActions as Record<string, { category: SecurityCategory } | undefined>)[action];
  return own?.category ?? auditCategoryOf(action);
}

const INCIDENTS = new Set(['address.suspicious', 'account.suspicious', 'block.created']);

/** Events of the audit log by the word before the dot: sessions and factors are authentication, the rest is what somebody configured. */
function auditCategoryOf(action: string): SecurityCategory {
  const kind = action.split('.', 1)[0];
  if (INCIDENTS.has(action) || kind === 'incident') return 'incident';
  if (action in auditEvents && (kind === 'session' || kind === 'identity' || kind === 'factor'))
    return 'authentication';
  if (/^(telemetry|subject|field)\.(written|read|exported|revealed)$/.test(action)) return 'data_access';
  return 'configuration';
}

function text(value: string, most: number): string {
  return clean(loggableText(value.slice(0, most * 2)))
    .slice(0, most)
    .toWellFormed();
}
const optional = (value: string | null | undefined, most: number): string | null =>
  value === null || value === undefined ? null : text(value, most);

// biome-ignore lint/suspicious/noControlCharactersInRegex: it is the one PostgreSQL cannot store
const clean = (value: string): string => value.replaceAll(/\u0000/g, '\ufffd').toWellFormed();

function plain(details: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const json = JSON.stringify(loggable(details), (_key, value: unknown) =>
    typeof value === 'string' ? clean(value) : value,
  );
  return json.length > MOST_DETAIL_CHARACTERS ? { cut: true } : (JSON.parse(json) as Record<string, unknown>);
}
