import { isIPv6 } from 'node:net';
import { type SecurityLevel, securityEventText } from '@valtronics/contract';
import type { SecurityEvent } from '../../events/security-event.ts';
import { PRODUCT_VERSION } from './product.ts';

const severities: Record<SecurityLevel, number> = { info: 3, warning: 6, error: 8, critical: 10 };

/**
 * One line of the Common Event Format. In the header a pipe would begin the next field and a backslash escapes it; in the extension an
 * equals sign would begin a value, and a line break would end the event. Each is escaped where it has that meaning and nowhere else, so
 * whatever a stranger chose is read back as the value of its own key.
 */
export function cefOf(event: SecurityEvent): string {
  const header = ['Valtronics', 'Valtronics', PRODUCT_VERSION, event.action, securityEventText(event.action)];
  const extension = Object.entries(fieldsOf(event)).map(([key, value]) => `${key}=${extensionValue(value)}`);
  return `CEF:0|${[...header.map(headerValue), severities[event.level]].join('|')}|${extension.join(' ')}`;
}

function fieldsOf(event: SecurityEvent): Record<string, string> {
  const { address, user, deviceId, http, details } = event;
  return {
    externalId: event.id,
    rt: String(event.at.getTime()),
    cat: event.category,
    outcome: event.outcome,
    app: event.transport,
    cnt: String(event.count),
    ...(address === null ? {} : sourceFields(address)),
    ...(user === null ? {} : { suid: user.id, ...(user.label === null ? {} : { suser: user.label }) }),
    ...(deviceId === null ? {} : { cs1Label: 'deviceId', cs1: deviceId }),
    ...(http === null ? {} : { requestMethod: http.method, request: http.route }),
    ...(http?.status == null ? {} : { cn1Label: 'httpStatus', cn1: String(http.status) }),
    ...(event.requestId === null ? {} : { cs3Label: 'requestId', cs3: event.requestId }),
    ...(event.organisationId === null ? {} : { cs4Label: 'organisation', cs4: String(event.organisationId) }),
    ...(event.reason === null ? {} : { reason: event.reason }),
    ...(Object.keys(details).length === 0 ? {} : { cs2Label: 'details', cs2: JSON.stringify(details) }),
  };
}

/** `src` holds IPv4 only; version 6 has a custom field of its own. */
const sourceFields = (address: string): Record<string, string> =>
  isIPv6(address) ? { c6a2Label: 'Source IPv6 Address', c6a2: address } : { src: address };

const headerValue = (text: string): string =>
  printable(text)
    .replace(/[\r\n]/g, ' ')
    .replace(/[\\|]/g, '\\$&');

const extensionValue = (text: string): string =>
  printable(text).replace(/[\\=]/g, '\\$&').replaceAll('\n', '\\n').replaceAll('\r', '\\r');

// Control characters beside line breaks have no escape in CEF, and half a surrogate pair no bytes.
const printable = (text: string): string =>
  text
    .toWellFormed()
    .replace(/[\p{Cc}\u2028\u2029]/gu, (character) => (/[\r\n]/.test(character) ? character : '\uFFFD'));
