import { isIPv4, isIPv6 } from 'node:net';
import { type SecurityCategory, type SecurityLevel, securityEventText } from '@valtronics/contract';
import { oneSafeLine } from '../../platform/log/line.ts';
import type { SecurityEvent } from './security-event.ts';

/** A document of the Elastic Common Schema. Every field is one of `@elastic/ecs`, which the tests hold against it. */
export type EcsDocument = Readonly<Record<string, unknown>>;

const ECS_VERSION = '9.4.0';
/** As syslog counts, which is what `event.severity` is compared with. */
const severities: Record<SecurityLevel, number> = { info: 6, warning: 4, error: 3, critical: 2 };

const categories: Record<SecurityCategory, string> = {
  authentication: 'authentication',
  authorization: 'api',
  data_access: 'database',
  incident: 'intrusion_detection',
  configuration: 'configuration',
};

/**
 * The event under the names that every SIEM knows. Field names stand here and nowhere else: what a stranger chose is only ever a value, and
 * `labels`, the one place where names are ours to choose, takes a fixed set of them. Details go into one text, for the same reason.
 */
export function ecsOf(event: SecurityEvent): EcsDocument {
  const { address, user, deviceId, http, details } = event;
  const userAgent = details.userAgent;
  const technique = details.technique;
  const blocked = blockedBy(event);
  return {
    '@timestamp': event.at.toISOString(),
    ecs: { version: ECS_VERSION },
    message: `${address ?? user?.label ?? user?.id ?? deviceId ?? 'the platform'} ${securityEventText(event.action)}`,
    log: { level: event.level },
    service: { name: 'valtronics', type: 'valtronics' },
    event: {
      id: event.id,
      kind: event.category === 'incident' ? 'alert' : 'event',
      category: [categories[event.category]],
      type: [typeOf(event)],
      action: event.action,
      outcome: event.outcome,
      severity: severities[event.level],
      provider: 'valtronics',
      dataset: 'valtronics.security',
      ...(event.reason === null ? {} : { reason: event.reason }),
    },
    ...(address === null ? {} : { source: { ip: address, address } }),
    ...(user === null && blocked?.scope !== 'user' ? {} : { user: userFields(user, blocked) }),
    ...(deviceId === null && blocked?.scope !== 'device' ? {} : { device: { id: deviceId ?? blocked?.value } }),
    ...(event.organisationId === null ? {} : { organization: { id: String(event.organisationId) } }),
    ...(http === null ? {} : webFields(event, http)),
    ...(typeof userAgent === 'string' ? { user_agent: { original: userAgent } } : {}),
    ...(event.action === 'detection.raised' && event.reason !== null
      ? { rule: { id: event.reason, category: 'detection', ruleset: 'valtronics' } }
      : {}),
    ...threatFields(typeof technique === 'string' ? technique : undefined, blocked),
    network: { protocol: protocols[event.transport] ?? 'none' },
    related: relatedTo(event, blocked),
    labels: {
      count: String(event.count),
      transport: event.transport,
      ...(Object.keys(details).length === 0 ? {} : { details: JSON.stringify(details) }),
    },
  };
}

/** One line of one JSON object: no value can end the line or turn how it reads around. */
export const ecsLine = (event: SecurityEvent): string => `${oneSafeLine(JSON.stringify(ecsOf(event)))}\n`;

const protocols: Partial<Record<SecurityEvent['transport'], string>> = {
  http: 'http',
  websocket: 'websocket',
  mqtt: 'mqtt',
};

function webFields(event: SecurityEvent, http: NonNullable<SecurityEvent['http']>) {
  return {
    http: {
      request: { method: http.method, ...(event.requestId === null ? {} : { id: event.requestId }) },
      ...(http.status === null ? {} : { response: { status_code: http.status } }),
    },
    url: { path: http.route },
  };
}

/** One of the types that ECS expects of the category. */
function typeOf({ category, action, outcome }: SecurityEvent): string {
  switch (category) {
    case 'authentication':
      return /\.(ended|disconnected|revoked)$/.test(action) ? 'end' : 'start';
    case 'authorization':
      return outcome === 'success' ? 'allowed' : 'denied';
    case 'data_access':
      return 'access';
    case 'incident':
      return 'info';
    default:
      if (/\.(created|registered|invited|added|enrolled|assigned)$/.test(action)) return 'creation';
      return /\.(deleted|removed|revoked|retired|lifted|unassigned)$/.test(action) ? 'deletion' : 'change';
  }
}

/** Whom a decision keeps out, or lets in again: an address (IPv6: its /64), a network, or the id of a person or a device. */
interface Blocked {
  readonly scope: 'ip' | 'range' | 'user' | 'device';
  readonly value: string;
}
const SCOPES = new Set<unknown>(['ip', 'range', 'user', 'device'] satisfies Blocked['scope'][]);

function blockedBy({ action, details: { scope, value } }: SecurityEvent): Blocked | undefined {
  if ((action !== 'block.created' && action !== 'block.lifted') || !SCOPES.has(scope)) return undefined;
  return typeof value === 'string' ? { scope: scope as Blocked['scope'], value } : undefined;
}

const isAddress = (text: string): boolean => isIPv4(text) || isIPv6(text);
/** `user` is who did it; whom it was done to is its target. */
const userFields = (user: SecurityEvent['user'], blocked: Blocked | undefined) => ({
  ...(user === null ? {} : { id: user.id, ...(user.label === null ? {} : { name: user.label }) }),
  ...(blocked?.scope === 'user' ? { target: { id: blocked.value } } : {}),
});

function relatedTo({ address, user }: SecurityEvent, blocked: Blocked | undefined) {
  const ip = [address, blocked?.value].filter((each) => typeof each === 'string' && isAddress(each));
  const people = [user?.id, blocked?.scope === 'user' ? blocked.value : undefined].filter((each) => each !== undefined);
  return {
    ...(ip.length === 0 ? {} : { ip: [...new Set(ip)] }),
    ...(people.length === 0 ? {} : { user: [...new Set(people)] }),
  };
}

/** The technique, and an address or a network that is kept out. A network is no `ip`; STIX writes it as an address with its prefix. */
function threatFields(technique: string | undefined, blocked: Blocked | undefined) {
  const place = blocked?.scope === 'ip' || blocked?.scope === 'range' ? blocked.value : undefined;
  if (technique === undefined && place === undefined) return {};
  const indicator = place && {
    type: place.includes(':') ? 'ipv6-addr' : 'ipv4-addr',
    name: place,
    ...(isAddress(place) ? { ip: place } : {}),
  };
  return { threat: { ...(technique ? threatOf(technique) : {}), ...(indicator ? { indicator } : {}) } };
}

function threatOf(technique: string) {
  const [parent] = technique.split('.', 1);
  const isSub = parent !== technique;
  return {
    framework: 'MITRE ATT&CK',
    technique: { id: [parent], ...(isSub ? { subtechnique: { id: [technique] } } : {}) },
  };
}
