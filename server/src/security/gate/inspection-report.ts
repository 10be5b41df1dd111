import { Problem } from '../../lib/problem.ts';
import type { SecurityReport } from '../events/security-event.ts';
import type { Verdict } from '../inspection/inspect-request.ts';

type Reported = Pick<SecurityReport, 'action' | 'outcome' | 'reason' | 'details'>;

/** What is said of an attack: what it was and where it stood, never what was sent. */
export const inspectionReport = (verdict: Verdict): Reported => ({
  action: verdict.blocked ? 'request.blocked' : 'request.suspicious',
  outcome: verdict.blocked ? 'failure' : 'unknown',
  reason: verdict.signatures[0] ?? verdict.class,
  details: {
    class: verdict.class,
    score: verdict.score,
    where: verdict.where,
    signatures: verdict.signatures,
    excerpt: verdict.excerpt,
  },
});

/** Says where, so that whoever meant no harm knows what to write differently; not what was found, which would only help to get around it. */
export const blockedRequest = ({ where }: Verdict): Problem =>
  new Problem('request_blocked', { detail: `What stands in ${where} looks like an attack.` });
