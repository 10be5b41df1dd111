import type { Clock } from '../../lib/clock.ts';
import { newId } from '../../lib/ids.ts';
import type { SystemTx } from '../../security/audit/tokens.ts';
import type { Transactions } from '../../security/audit/transactions.types.ts';
import type { Detection, DetectionAnswer } from '../../security/detection/detection.ts';
import type { SecurityEvents } from '../../security/events/security-event.ts';
import { addDetection, type Bounds, findMatch, isAnswered, lockCorrelation } from './correlation.repository.ts';
import { insertIncident, reopenIncident, setSeverity } from './incident.repository.ts';
import { familyOf, isGraver, titleOf } from './incident.ts';
import { insertEntry } from './incident-entry.repository.ts';
import type { IncidentNotices } from './incident-notices.ts';
import { openedReport } from './incident-report.ts';

const HOUR_MS = 3_600_000;

/** Merged, not multiplied; but an incident that has grown beyond what a person can deal with as one is followed by the next. */
export const BOUNDS: Bounds = {
  subjectMs: 24 * HOUR_MS,
  familyMs: HOUR_MS / 2,
  maxDetections: 500,
  maxAgeMs: 7 * 24 * HOUR_MS,
};

export interface DetectionAnswerOptions {
  readonly transactions: Pick<Transactions, 'system' | 'readAcross'>;
  readonly notices: IncidentNotices;
  readonly events: SecurityEvents;
  readonly clock: Clock;
}

/** It was answered before, by a call that did not hear of its own success. */
class Answered extends Error {}

/** Opens an incident for a detection, or adds the detection to the one it belongs to. */
export function createDetectionAnswer(options: DetectionAnswerOptions): DetectionAnswer {
  const { transactions, notices, events, clock } = options;
  const actor = { kind: 'system', id: 'incidents', label: null } as const;

  async function answer(tx: SystemTx, detection: Detection): Promise<string | undefined> {
    const { organisationId } = detection;
    const family = familyOf(detection);
    await lockCorrelation(tx, organisationId);
    if (await isAnswered(tx, detection.id)) throw new Answered();
    const match = await findMatch(tx, detection, family, BOUNDS);
    const id = match?.id ?? newId();
    const at = clock.date();
    const entry = { incidentId: id, organisationId, at };
    if (match === undefined) {
      const { severity, subject, firstAt, lastAt } = detection;
      const title = titleOf(detection);
      await insertIncident(tx, { id, organisationId, title, severity, subject, at, byUser: null, firstAt, lastAt });
      await insertEntry(tx, { ...entry, kind: 'opened' });
    }
    await addDetection(tx, id, detection, family);
    const wasGraver = match !== undefined && isGraver(detection.severity, match.severity);
    if (wasGraver) {
      await setSeverity(tx, id, detection.severity);
      await insertEntry(tx, { ...entry, kind: 'severity', note: `${match.severity} → ${detection.severity}` });
    }
    // What goes on after it was contained was not contained.
    const goesOn = match?.status === 'contained' && detection.lastAt.getTime() > (match.containedAt?.getTime() ?? 0);
    if (goesOn) {
      await reopenIncident(tx, id);
      await insertEntry(tx, { ...entry, kind: 'reopened', note: 'detected again after it was contained' });
    }
    if (match === undefined) await notices.tell(tx, id, 'opened');
    else if (goesOn) await notices.tell(tx, id, 'reopened');
    else if (wasGraver) await notices.tell(tx, id, 'severity_raised');
    tx.describe({
      resource: { kind: 'incident', id },
      details: { detection: detection.id, scenario: detection.scenario, opened: match === undefined },
    });
    return match === undefined ? id : undefined;
  }

  return async (detection) => {
    if (detection.simulated || !detection.response.opensIncident) return;
    if (await transactions.readAcross((reader) => isAnswered(reader, detection.id))) return;
    const { organisationId } = detection;
    try {
      const opened = await transactions.system({ organisationId, actor, event: 'incident.detection_added' }, (tx) =>
        answer(tx, detection),
      );
      if (opened !== undefined) {
        const { id, severity, subject, scenario } = detection;
        const details = { detection: id, scenario };
        events.report(openedReport({ id: opened, organisationId, severity, subject, reason: scenario, details }));
      }
      notices.sendSoon();
    } catch (error) {
      if (!(error instanceof Answered)) throw error;
    }
  };
}
