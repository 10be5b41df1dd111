import type { SiemFormat } from '@valtronics/contract';
import { ecsOf } from '../../events/ecs.ts';
import type { SecurityEvent } from '../../events/security-event.ts';
import { cefOf } from './cef.ts';
import { ocsfOf } from './ocsf.ts';

/** The event as one line of text in that format; ECS and OCSF are JSON. */
export function render(format: SiemFormat, event: SecurityEvent): string {
  if (format === 'cef') return cefOf(event);
  return JSON.stringify(format === 'ecs' ? ecsOf(event) : ocsfOf(event));
}

/** Code points that a text in the details keeps, from the most to the least. */
const SHORTENINGS = [1_000, 200, 50];

/**
 * The event within so many bytes. What makes it long is its details, which are shortened text by text, then left out; the rest is bounded
 * by the table and fits. The event is cut before it is written, not the text after: so what arrives is whole JSON or CEF and whole UTF-8,
 * and says `truncated`.
 */
export function renderWithin(format: SiemFormat, event: SecurityEvent, maxBytes: number): string {
  const whole = render(format, event);
  if (Buffer.byteLength(whole) <= maxBytes) return whole;
  for (const kept of SHORTENINGS) {
    const shorter = render(format, { ...event, details: { ...shortened(event.details, kept), truncated: true } });
    if (Buffer.byteLength(shorter) <= maxBytes) return shorter;
  }
  const bare = render(format, { ...event, details: { truncated: true } });
  if (Buffer.byteLength(bare) <= maxBytes) return bare;
  // A route of control characters takes six bytes each in JSON.
  const http = event.http && { ...event.http, route: cut(event.http.route, 100) };
  const user = event.user && { ...event.user, label: event.user.label && cut(event.user.label, 100) };
  return render(format, { ...event, http, user, details: { truncated: true } });
}

function shortened(details: SecurityEvent['details'], kept: number): Record<string, unknown> {
  const shorten = (value: unknown): unknown => {
    if (typeof value === 'string') return cut(value, kept);
    if (Array.isArray(value)) return value.slice(0, 20).map(shorten);
    if (typeof value === 'object' && value !== null)
      return Object.fromEntries(
        Object.entries(value)
          .slice(0, 40)
          .map(([key, inner]) => [cut(key, kept), shorten(inner)]),
      );
    return value;
  };
  return shorten(details) as Record<string, unknown>;
}

/** By code points: half a surrogate pair would be no text. */
function cut(text: string, codePoints: number): string {
  if (text.length <= codePoints) return text;
  const kept = Array.from(text.slice(0, codePoints * 2)).slice(0, codePoints);
  return kept.join('').toWellFormed();
}
