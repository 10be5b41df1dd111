import type { AskedHandshake } from '../../platform/live/connection.ts';
import { inspectHead, type Verdict } from '../inspection/inspect-request.ts';
import type { StreamReports } from './stream-reports.ts';

/**
 * A handshake has an address line and headers like any request, and whoever probes for one tries the other. What asks for nothing that is
 * there is told so, attack or not.
 */
export function judgeHandshake(handshake: AskedHandshake, reports: StreamReports): { status: 403 } | undefined {
  const { address, origin, isElsewhere } = handshake;
  const verdict = inspected(handshake);
  if (verdict === undefined) return undefined;
  reports.inspected(verdict, { address, origin });
  if (!verdict.blocked || isElsewhere) return undefined;
  reports.refused('request_blocked', { address, origin });
  return { status: 403 };
}

function inspected({ target, headers }: AskedHandshake): Verdict | undefined {
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
