import type { SecurityLevel, SiemFormat } from '@valtronics/contract';
import type { SecurityEvent } from '../../events/security-event.ts';
import { renderWithin } from './format.ts';

/** The least that RFC 5425 asks every receiver to take is 2,048 and what it recommends 8,192: below that with room for a relay's header. */
export const MAX_FRAME_BYTES = 8_000;

/** security/authorization messages, where receivers keep what not everybody may read. */
const FACILITY = 10;
const severities: Record<SecurityLevel, number> = { info: 6, warning: 4, error: 3, critical: 2 };
const LENGTH_BYTES = String(MAX_FRAME_BYTES).length + 1;

/**
 * One message of RFC 5424 in a frame of RFC 5425: its length in bytes, a space, the message. No line break ends it, so none in it can begin
 * another one. The text begins without a byte order mark: it is for parsers of JSON and CEF.
 */
export function syslogFrame(format: SiemFormat, event: SecurityEvent, host: string): Buffer {
  const header = [
    `<${FACILITY * 8 + severities[event.level]}>1`,
    event.at.toISOString(),
    headerField(host, 255),
    'valtronics',
    '-',
    headerField(event.action, 32),
    '-',
  ].join(' ');
  const text = renderWithin(format, event, MAX_FRAME_BYTES - LENGTH_BYTES - header.length - 1);
  const message = Buffer.from(`${header} ${text}`);
  return Buffer.concat([Buffer.from(`${message.length} `), message]);
}

/** Visible ASCII and bounded; `-` stands for nothing. */
const headerField = (text: string, most: number): string => text.replace(/[^\x21-\x7E]/g, '').slice(0, most) || '-';
