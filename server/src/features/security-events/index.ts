// Security events and what is concluded from them, to read: written by `security/events` and `security/detection`.
import type { Clock } from '../../lib/clock.ts';
import type { Notices } from '../../platform/db/notices.ts';
import type { Logger } from '../../platform/log/log.ts';
import type { Transactions } from '../../security/audit/transactions.types.ts';
import type { Scenario } from '../../security/detection/scenario.ts';
import type { EndpointGate } from '../../security/gate/endpoint-gate.ts';
import type { StreamGate } from '../../security/gate/streams.ts';
import { createSecurityFeed } from './security.live.ts';
import { securityEventJobs } from './security-event.jobs.ts';
import { addSecurityEventRoutes } from './security-event.routes.ts';

export function createSecurityEventsFeature(deps: {
  gate: EndpointGate;
  streamGate: StreamGate;
  transactions: Transactions;
  notices: Notices;
  scenarios: readonly Scenario[];
  keptDays: number;
  clock: Clock;
  log: Logger;
}) {
  addSecurityEventRoutes(deps);
  createSecurityFeed(deps);
  return { jobs: securityEventJobs(deps) };
}
