// Incidents: what was detected and belongs together, and what people do about it.
import type { Clock } from '../../lib/clock.ts';
import type { Job } from '../../platform/jobs/scheduler.ts';
import type { People } from '../../security/access/people.ts';
import type { Transactions } from '../../security/audit/transactions.types.ts';
import type { DetectionAnswer } from '../../security/detection/detection.ts';
import type { SecurityEvents } from '../../security/events/security-event.ts';
import type { EndpointGate } from '../../security/gate/endpoint-gate.ts';
import type { NoticeBoard } from '../alerts/notice.ts';
import { createBreachService } from './breach.service.ts';
import { breachClockJob } from './breach-clock.ts';
import { createDetectionAnswer } from './detection-answer.ts';
import { addIncidentRoutes } from './incident.routes.ts';
import { createIncidentService } from './incident.service.ts';
import { createIncidentNotices } from './incident-notices.ts';

export interface IncidentsDependencies {
  readonly gate: EndpointGate;
  readonly transactions: Transactions;
  readonly people: People;
  /** The channels that alerts are told through. */
  readonly board: NoticeBoard;
  readonly events: SecurityEvents;
  readonly clock: Clock;
}

export function createIncidents(deps: IncidentsDependencies): { answer: DetectionAnswer; jobs: readonly Job[] } {
  const { gate, transactions, people, events, clock } = deps;
  const notices = createIncidentNotices(deps);
  const incidents = createIncidentService({ people, clock, notices });
  addIncidentRoutes({
    gate,
    people,
    incidents,
    breaches: createBreachService(incidents),
    events,
    changed: notices.sendSoon,
  });
  return {
    answer: createDetectionAnswer({ transactions, notices, events, clock }),
    jobs: [breachClockJob({ transactions, notices, clock })],
  };
}
