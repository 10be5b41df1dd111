import type { AskedHandshake } from '../../platform/live/connection.ts';
import { inspectHead, type Verdict } from '../inspection/inspect-request.ts';

/** A handshake has an address line and headers like any request, and whoever probes for one tries the other. */
export function inspectHandshake({ target, headers }: AskedHandshake): Verdict | undefined {
  const end = target.indexOf('?');
  if (end === -1) return inspectHead({ path: target, query: {}, headers });
  // Without a prototype, since a name in it may be __proto__.
  const query: Record<string, string | string[]> = Object.create(null);
  for (const [name, value] of new URLSearchParams(target.slice(end + 1))) {
    const before = query[name];
    if (Array.isArray(before)) before.push(value);
    else query[name] = before === undefined ? value : [before, value];
  }
  return inspectHead({ path: target.slice(0, end), query, headers });
}
