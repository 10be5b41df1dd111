import { siemFormats } from '@valtronics/contract';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { anySecurityEvent, aSecurityEvent } from '../siem.builders.ts';
import { MAX_FRAME_BYTES, syslogFrame } from './rfc5424.ts';

// The grammar of RFC 5424, section 6, without structured data, which we send none of.
const PRINT = '[\\x21-\\x7E]';
const TIME = '\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d\\.\\d{1,6}Z';
const MESSAGE = new RegExp(
  `^<(\\d{1,3})>1 ${TIME} ${PRINT}{1,255} ${PRINT}{1,48} ${PRINT}{1,128} (${PRINT}{1,32}) - ([^]*)$`,
);

const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

describe('syslog frames', () => {
  it('are of the grammar, no longer than 8,000 bytes, and hold whole JSON, CEF and UTF-8, whatever the event holds', () => {
    fc.assert(
      fc.property(anySecurityEvent(), fc.constantFrom(...siemFormats), fc.string(), (event, format, host) => {
        const frame = syslogFrame(format, event, host);
        expect(frame.length).toBeLessThanOrEqual(MAX_FRAME_BYTES);
        const length = /^([1-9]\d{0,4}) /.exec(frame.subarray(0, 6).toString('latin1'));
        const message = frame.subarray(length?.[0].length);
        expect(message.length).toBe(Number(length?.[1]));
        const [, priority, id, text = ''] = MESSAGE.exec(strict.decode(message)) ?? [];
        expect(Math.floor(Number(priority) / 8)).toBe(10);
        expect([2, 3, 4, 6]).toContain(Number(priority) % 8);
        expect(event.action.startsWith(id ?? '?')).toBe(true);
        expect(text.startsWith('\uFEFF')).toBe(false);
        expect(text).not.toMatch(/[\r\n]/);
        if (format === 'cef') expect(text).toMatch(/^CEF:0\|.*externalId=/);
        else expect(JSON.parse(text)).toBeTypeOf('object');
      }),
      { numRuns: 300 },
    );
  });

  it('say when something was left out, and leave out no more than they must', () => {
    const long = aSecurityEvent({ details: { path: '🜁'.repeat(900), note: '🜁'.repeat(900), rest: '🜁'.repeat(900) } });
    const text = syslogFrame('ecs', long, 'host').toString();
    const { labels } = JSON.parse(text.slice(text.indexOf('{'))) as { labels: { details: string } };
    const details = JSON.parse(labels.details) as Record<string, unknown>;
    expect(details).toMatchObject({ truncated: true, path: '🜁'.repeat(200) });
    const short = syslogFrame('ecs', aSecurityEvent({ details: { path: 'short' } }), 'host').toString();
    expect(short).not.toContain('truncated');
  });

  it('hold what is left of an event when it is as long as the table admits and every character takes six bytes', () => {
    const worst = '\u0001';
    const event = aSecurityEvent({
      user: { id: worst.repeat(80), label: worst.repeat(254) },
      http: { method: 'POST', route: worst.repeat(300), status: 404 },
      requestId: worst.repeat(80),
      reason: worst.repeat(80),
      details: { note: worst.repeat(8_000) },
    });
    for (const format of siemFormats) {
      const frame = syslogFrame(format, event, 'x'.repeat(300));
      expect(frame.length).toBeLessThanOrEqual(MAX_FRAME_BYTES);
      expect(frame.toString()).toContain('truncated');
    }
  });
});
