import { securityEventText } from '@valtronics/contract';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { anySecurityEvent, aSecurityEvent } from '../siem.builders.ts';
import { cefOf } from './cef.ts';

/** As a receiver reads it: header fields end at a bare pipe, a value at the last space before the next `key=`. */
function parseCef(line: string): { header: string[]; fields: Record<string, string> } {
  const header: string[] = [];
  let rest = line;
  while (header.length < 7) {
    const [whole, field = ''] = /^((?:[^\\|]|\\[\\|])*)\|/.exec(rest) ?? [];
    if (whole === undefined) throw new Error(`no header: ${rest}`);
    header.push(field.replace(/\\([\\|])/g, '$1'));
    rest = rest.slice(whole.length);
  }
  const fields: Record<string, string> = {};
  // An escaped equals sign stands behind a backslash, which no key ends with.
  const starts = [...rest.matchAll(/(?:^| )([A-Za-z0-9]+)=/g)];
  for (const [nth, start] of starts.entries()) {
    const value = rest.slice(start.index + start[0].length, starts[nth + 1]?.index);
    if (/(^|[^\\])(\\\\)*=/.test(value)) throw new Error(`a bare equals sign: ${value}`);
    fields[start[1] ?? ''] = value.replace(/\\([\\=nr])/g, (_all, character: string) =>
      character === 'n' ? '\n' : character === 'r' ? '\r' : character,
    );
  }
  return { header, fields };
}

const kept = (text: string): string =>
  text
    .toWellFormed()
    .replace(/[\p{Cc}\u2028\u2029]/gu, (character) => (/[\r\n]/.test(character) ? character : '\uFFFD'));

describe('CEF', () => {
  it('is one line that gives back every value under its own key, whatever is in it', () => {
    fc.assert(
      fc.property(anySecurityEvent(), (event) => {
        const line = cefOf(event);
        expect(line).not.toMatch(/[\r\n]/);
        const { header, fields } = parseCef(line);
        expect(header.slice(0, 4)).toEqual(['CEF:0', 'Valtronics', 'Valtronics', '0.1.0']);
        expect(header.slice(4, 6)).toEqual([event.action, securityEventText(event.action)]);
        const isV6 = event.address?.includes(':');
        expect(fields).toEqual({
          externalId: event.id,
          rt: String(event.at.getTime()),
          cat: event.category,
          outcome: event.outcome,
          app: event.transport,
          cnt: String(event.count),
          ...(event.address && !isV6 ? { src: event.address } : {}),
          ...(event.address && isV6 ? { c6a2Label: 'Source IPv6 Address', c6a2: event.address } : {}),
          ...(event.user ? { suid: kept(event.user.id) } : {}),
          ...(event.user?.label == null ? {} : { suser: kept(event.user.label) }),
          ...(event.deviceId ? { cs1Label: 'deviceId', cs1: event.deviceId } : {}),
          ...(event.http ? { requestMethod: event.http.method, request: kept(event.http.route) } : {}),
          ...(event.http?.status == null ? {} : { cn1Label: 'httpStatus', cn1: String(event.http.status) }),
          ...(event.requestId === null ? {} : { cs3Label: 'requestId', cs3: kept(event.requestId) }),
          ...(event.organisationId ? { cs4Label: 'organisation', cs4: String(event.organisationId) } : {}),
          ...(event.reason === null ? {} : { reason: kept(event.reason) }),
          ...(Object.keys(event.details).length > 0
            ? { cs2Label: 'details', cs2: kept(JSON.stringify(event.details)) }
            : {}),
        });
      }),
    );
  });

  it('names what it is and how grave', () => {
    expect(cefOf(aSecurityEvent({ action: 'session.refused', level: 'critical' }))).toMatch(
      /^CEF:0\|Valtronics\|Valtronics\|0\.1\.0\|session\.refused\|failed to sign in\|10\|externalId=/,
    );
  });
});
