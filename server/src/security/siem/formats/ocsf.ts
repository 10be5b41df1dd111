import { type SecurityLevel, securityEventText } from '@valtronics/contract';
import type { SecurityEvent } from '../../events/security-event.ts';
import { PRODUCT_VERSION } from './product.ts';

/** An event of the Open Cybersecurity Schema Framework. */
export type OcsfEvent = Readonly<Record<string, unknown>>;

export const OCSF_VERSION = '1.9.0';

const severities: Record<SecurityLevel, readonly [id: number, name: string]> = {
  info: [1, 'Informational'],
  warning: [3, 'Medium'],
  error: [4, 'High'],
  critical: [5, 'Critical'],
};
const statuses = { unknown: [0, 'Unknown'], success: [1, 'Success'], failure: [2, 'Failure'] } as const;
/** Of the types of an analytic. */
const RULE = 1;

/**
 * Authentication (3002) for who proved to be whom, Detection Finding (2004) for incidents, API Activity (6003) for all that was asked for,
 * read or changed.
 */
export function ocsfOf(event: SecurityEvent): OcsfEvent {
  if (event.category === 'authentication') return authentication(event);
  return event.category === 'incident' ? finding(event) : apiActivity(event);
}

function authentication(event: SecurityEvent): OcsfEvent {
  const isEnd = /\.(ended|disconnected|revoked)$/.test(event.action);
  const isBegin = /^(session\.(created|refused|refreshed)|credential\.refused|device\.connected)$/.test(event.action);
  const [activity, name] = isEnd ? [2, 'Logoff'] : isBegin ? [1, 'Logon'] : [99, event.action];
  return {
    ...common(event, { category: 3, class: 3002, activity, name: String(name) }),
    user: userOf(event),
    service: { name: 'Valtronics' },
    is_remote: event.transport !== 'cli' && event.transport !== 'system',
    ...(event.address === null ? {} : { src_endpoint: sourceOf(event) }),
    ...httpOf(event),
  };
}

function apiActivity(event: SecurityEvent): OcsfEvent {
  const [activity, name] = activityOf(event);
  return {
    ...common(event, { category: 6, class: 6003, activity, name }),
    actor: { user: userOf(event), app_name: event.transport },
    api: {
      operation: event.http === null ? event.action : `${event.http.method} ${event.http.route}`,
      service: { name: 'Valtronics' },
      ...(event.requestId === null ? {} : { request: { uid: event.requestId } }),
    },
    src_endpoint: sourceOf(event),
    ...(event.deviceId === null ? {} : { resources: [{ uid: event.deviceId, type: 'device' }] }),
    ...httpOf(event),
  };
}

function finding(event: SecurityEvent): OcsfEvent {
  const { technique } = event.details;
  return {
    ...common(event, { category: 2, class: 2004, activity: 1, name: 'Create' }),
    // Of a finding it is the state of the work on it, and not how an attempt went.
    status_id: 1,
    status: 'New',
    is_alert: true,
    finding_info: {
      uid: event.id,
      title: event.reason ?? securityEventText(event.action),
      analytic: { name: event.reason ?? event.action, type_id: RULE, type: 'Rule' },
      ...(typeof technique === 'string' ? { attacks: [{ technique: { uid: technique } }] } : {}),
    },
    ...(event.address === null && event.user === null
      ? {}
      : {
          evidences: [
            {
              ...(event.address === null ? {} : { src_endpoint: sourceOf(event) }),
              ...(event.user === null ? {} : { actor: { user: userOf(event) } }),
            },
          ],
        }),
    ...(event.deviceId === null ? {} : { resources: [{ uid: event.deviceId, type: 'device' }] }),
  };
}

function common(event: SecurityEvent, is: { category: number; class: number; activity: number; name: string }) {
  const [severityId, severity] = severities[event.level];
  const [statusId, status] = statuses[event.outcome];
  return {
    category_uid: is.category,
    class_uid: is.class,
    activity_id: is.activity,
    activity_name: is.name,
    type_uid: is.class * 100 + is.activity,
    time: event.at.getTime(),
    severity_id: severityId,
    severity,
    status_id: statusId,
    status,
    message: securityEventText(event.action),
    count: event.count,
    ...(event.reason === null ? {} : { status_detail: event.reason }),
    metadata: {
      version: OCSF_VERSION,
      uid: event.id,
      event_code: event.action,
      log_name: 'valtronics.security',
      product: { name: 'Valtronics', vendor_name: 'Valtronics', version: PRODUCT_VERSION },
      ...(event.organisationId === null ? {} : { tenant_uid: String(event.organisationId) }),
    },
    // What the schema has no place for; as one text, so that no name in it is anybody's but ours.
    unmapped: {
      category: event.category,
      transport: event.transport,
      ...(Object.keys(event.details).length === 0 ? {} : { details: JSON.stringify(event.details) }),
    },
  };
}

/** The schema wants somebody to be named: where nobody is known, it says so. */
function userOf({ user, deviceId }: SecurityEvent): Readonly<Record<string, unknown>> {
  if (user !== null) return { uid: user.id, ...(user.label === null ? {} : { name: user.label }), type_id: 1 };
  return deviceId === null ? { name: 'unknown', type_id: 0 } : { uid: deviceId, type_id: 4 };
}

const sourceOf = ({ address, transport }: SecurityEvent): Readonly<Record<string, unknown>> =>
  address === null ? { name: transport } : { ip: address };

function httpOf({ http }: SecurityEvent): Readonly<Record<string, unknown>> {
  if (http === null) return {};
  return {
    http_request: { http_method: http.method, url: { path: http.route } },
    ...(http.status === null ? {} : { http_response: { code: http.status } }),
  };
}

function activityOf({ action, http }: SecurityEvent): readonly [number, string] {
  const verb = http?.method ?? '';
  if (/\.(created|registered|invited|added|enrolled|assigned)$/.test(action)) return [1, 'Create'];
  if (/\.(deleted|removed|revoked|retired|lifted|unassigned)$/.test(action)) return [4, 'Delete'];
  if (/\.(changed|rotated|acknowledged|resolved|noted)$/.test(action)) return [3, 'Update'];
  if (verb === 'POST') return [1, 'Create'];
  if (verb === 'GET' || verb === 'HEAD') return [2, 'Read'];
  if (verb === 'PUT' || verb === 'PATCH') return [3, 'Update'];
  return verb === 'DELETE' ? [4, 'Delete'] : [99, action];
}
