import type { ProblemCode, SecurityAction } from '@valtronics/contract';
import type { Metrics } from '../../platform/metrics/metrics.ts';
import type { Principal } from '../access/principal.ts';
import type { SecurityEvents } from '../events/security-event.ts';
import type { Verdict } from '../inspection/inspect-request.ts';
import { inspectionReport } from './inspection-report.ts';
import { whoOf } from './reported-principal.ts';

interface From {
  readonly address: string;
  readonly principal?: Principal;
  readonly requestId?: string;
  readonly origin?: string | undefined;
}

export interface StreamReports {
  refused(code: ProblemCode, from: From): void;
  inspected(verdict: Verdict, from: From): void;
}

const actions: Partial<Record<ProblemCode, SecurityAction>> = {
  not_authenticated: 'credential.refused',
  forbidden: 'access.refused',
  origin_refused: 'origin.refused',
  not_found: 'resource.missing',
  too_many_requests: 'rate.exceeded',
  address_blocked: 'block.enforced',
  banned: 'block.enforced',
  blocked: 'block.enforced',
  invalid_request: 'request.malformed',
  malformed_json: 'request.malformed',
};

/** As `browserMark`, of a handshake: every browser says an origin there. */
const markOf = (origin: string | undefined): { readonly browser?: true } =>
  origin === undefined ? {} : { browser: true };

/** What the WebSocket door counts and says of what it turned away. */
export function createStreamReports(deps: {
  events: SecurityEvents;
  metrics: Pick<Metrics, 'gateRefused'>;
}): StreamReports {
  return {
    refused(code, { address, principal, requestId, origin }) {
      deps.metrics.gateRefused('live', code);
      const known = actions[code];
      if (known === undefined) return;
      deps.events.report({
        action: code === 'too_many_requests' && principal?.kind === 'device' ? 'telemetry.flooded' : known,
        outcome: 'failure',
        transport: 'websocket',
        address,
        ...whoOf(principal),
        http: { method: 'live', route: '/api/v1/live', status: null },
        requestId: requestId ?? null,
        reason: code,
        details: markOf(origin),
      });
    },
    inspected(verdict, { address, principal, requestId, origin }) {
      const said = inspectionReport(verdict);
      deps.events.report({
        ...said,
        details: { ...said.details, ...markOf(origin) },
        transport: 'websocket',
        address,
        ...whoOf(principal),
        http: { method: 'live', route: '/api/v1/live', status: null },
        requestId: requestId ?? null,
      });
    },
  };
}
