import { setTimeout as delay } from 'node:timers/promises';
import type { IncidentSeverity, SecurityLevel } from '@valtronics/contract';
import type { Clock } from '../../lib/clock.ts';
import type { Logger } from '../../platform/log/log.ts';
import type { Transactions } from '../audit/transactions.types.ts';
import { completeEvent } from '../events/complete-event.ts';
import type { SecurityEvent } from '../events/security-event.ts';
import { type DetectionRow, listUnanswered, markAnswered } from './detection.repository.ts';
import type { Detection, DetectionAnswer } from './detection.ts';
import type { Scenario } from './scenario.ts';

const AT_ONCE = 100;
const ANSWER_WITHIN_MS = 30_000;
const FIRST_RETRY_MS = 1_000;
const LAST_RETRY_MS = 60_000;

const levels: Record<IncidentSeverity, SecurityLevel> = {
  low: 'info',
  medium: 'warning',
  high: 'error',
  critical: 'critical',
};

/**
 * What follows from detections. A row without `answered_at` is work to do: so each is announced and answered at least once, whatever dies in
 * between, and one that cannot be answered now holds up no other.
 */
export function createAnswers(deps: {
  transactions: Pick<Transactions, 'readAcross' | 'unaudited'>;
  scenarios: readonly Scenario[];
  announce: (event: SecurityEvent) => void;
  clock: Clock;
  log: Logger;
}) {
  const { transactions, scenarios, announce, clock, log } = deps;
  const byId = new Map(scenarios.map((scenario) => [scenario.id, scenario]));
  const answers: DetectionAnswer[] = [];
  /** Of those that failed: when to try again, and how long to wait after that. */
  const later = new Map<string, { at: number; waitMs: number }>();

  async function answer(detection: Detection): Promise<void> {
    announce(announcementOf(detection));
    for (const each of answers) {
      const late = new AbortController();
      const tooLate = delay(ANSWER_WITHIN_MS, undefined, { ref: false, signal: late.signal }).then(
        () => Promise.reject(new Error('the answer took too long')),
        () => undefined,
      );
      try {
        await Promise.race([each(detection), tooLate]);
      } finally {
        late.abort();
      }
    }
    await transactions.unaudited(null, 'detection', (tx) => markAnswered(tx, detection.id, clock.date()));
  }

  return {
    with(each: DetectionAnswer): void {
      answers.push(each);
    },

    /** Those that are due, one after the other. */
    async run(isOver: () => boolean): Promise<void> {
      const rows = await transactions.readAcross((reader) => listUnanswered(reader, AT_ONCE));
      const now = performance.now();
      for (const row of rows) {
        if (isOver()) return;
        const retry = later.get(row.id);
        if (retry && retry.at > now) continue;
        try {
          await answer(detectionOf(row, byId.get(row.scenario)));
          later.delete(row.id);
        } catch (error) {
          const waitMs = retry?.waitMs ?? FIRST_RETRY_MS;
          later.set(row.id, { at: performance.now() + waitMs, waitMs: Math.min(waitMs * 2, LAST_RETRY_MS) });
          log.error({ err: error, detection: row.id, scenario: row.scenario }, 'a detection could not be answered yet');
        }
      }
      const waiting = new Set(rows.map(({ id }) => id));
      for (const id of later.keys()) if (!waiting.has(id)) later.delete(id);
    },
  };
}

/** A scenario that is no longer looked for leaves its detections: nothing more follows from them. */
function detectionOf(row: DetectionRow, scenario: Scenario | undefined): Detection {
  return {
    id: row.id,
    at: row.at,
    scenario: row.scenario,
    name: scenario?.name ?? row.scenario,
    severity: row.severity,
    technique: row.technique,
    organisationId: row.organisation_id,
    subject: { scope: row.scope, value: row.subject },
    firstAt: row.first_at,
    lastAt: row.last_at,
    count: row.count,
    events: row.events,
    response: scenario?.response ?? { decision: 'none', opensIncident: false },
    simulated: row.simulated,
  };
}

/** Under the id of the detection, so that it is one event however often it is announced. */
function announcementOf(detection: Detection): SecurityEvent {
  const { scope, value } = detection.subject;
  const { technique, severity, simulated, count, name } = detection;
  const event = completeEvent(
    {
      action: 'detection.raised',
      outcome: 'success',
      transport: 'system',
      level: levels[severity],
      organisationId: detection.organisationId,
      address: scope === 'ip' ? value : null,
      user: scope === 'user' ? { id: value, label: null } : null,
      deviceId: scope === 'device' ? value : null,
      reason: detection.scenario,
      details: { detectionId: detection.id, name, severity, technique, scope, subject: value, count, simulated },
    },
    detection.id,
    detection.at,
  );
  return event;
}
