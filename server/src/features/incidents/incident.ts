import type { Incident, IncidentSeverity, IncidentStatus } from '@valtronics/contract';
import { incidentSeverities } from '@valtronics/contract';
import type { Detection } from '../../security/detection/detection.ts';

type Scope = NonNullable<Incident['subject']>['scope'];

/** An incident as it is read from the database. */
export interface IncidentRow {
  readonly id: string;
  readonly organisationId: number | null;
  readonly title: string;
  readonly severity: IncidentSeverity;
  readonly status: IncidentStatus;
  readonly scope: Scope | null;
  readonly subject: string | null;
  readonly openedAt: Date;
  readonly openedByHand: boolean;
  readonly openedBy: string | null;
  readonly firstAt: Date;
  readonly lastAt: Date;
  readonly detections: number;
  readonly events: number;
  readonly ownerId: string | null;
  readonly ownerLabel: string | null;
  readonly acknowledgedAt: Date | null;
  readonly containedAt: Date | null;
  readonly resolvedAt: Date | null;
  readonly breachFlaggedAt: Date | null;
  readonly breachFlaggedBy: string | null;
  readonly breachAwareAt: Date | null;
  readonly breachDueAt: Date | null;
  readonly breachRemindedAt: Date | null;
  readonly breachNotifiedAt: Date | null;
  readonly breachNotifiedBy: string | null;
}

const text = (at: Date | null): string | null => at?.toISOString() ?? null;
const secondsBetween = (from: Date, to: Date | null): number | null =>
  to === null ? null : Math.max(0, Math.round((to.getTime() - from.getTime()) / 1000));

export function toIncident(row: IncidentRow): Incident {
  const { breachFlaggedAt, breachAwareAt, breachDueAt } = row;
  return {
    id: row.id,
    scope: row.organisationId === null ? 'instance' : 'organisation',
    title: row.title,
    severity: row.severity,
    status: row.status,
    subject: row.scope === null || row.subject === null ? null : { scope: row.scope, value: row.subject },
    openedAt: row.openedAt.toISOString(),
    openedBy: row.openedByHand ? (row.openedBy ?? 'somebody who is gone') : null,
    firstAt: row.firstAt.toISOString(),
    lastAt: row.lastAt.toISOString(),
    detections: row.detections,
    events: row.events,
    owner: row.ownerId === null || row.ownerLabel === null ? null : { id: row.ownerId, label: row.ownerLabel },
    acknowledgedAt: text(row.acknowledgedAt),
    containedAt: text(row.containedAt),
    resolvedAt: text(row.resolvedAt),
    secondsToAcknowledge: secondsBetween(row.openedAt, row.acknowledgedAt),
    secondsToResolve: secondsBetween(row.openedAt, row.resolvedAt),
    breach:
      breachFlaggedAt === null || breachAwareAt === null || breachDueAt === null
        ? null
        : {
            flaggedAt: breachFlaggedAt.toISOString(),
            flaggedBy: row.breachFlaggedBy,
            awareAt: breachAwareAt.toISOString(),
            dueAt: breachDueAt.toISOString(),
            remindedAt: text(row.breachRemindedAt),
            notifiedAt: text(row.breachNotifiedAt),
            notifiedBy: row.breachNotifiedBy,
          },
  };
}

/**
 * From where each step may be taken. Steps may be skipped forwards (who resolves at once has also acknowledged), never taken backwards;
 * only what is resolved can be reopened, by a person.
 */
const stepsFrom = {
  acknowledged: ['open'],
  contained: ['open', 'acknowledged'],
  resolved: ['open', 'acknowledged', 'contained'],
} as const satisfies Record<string, readonly IncidentStatus[]>;
export type Step = keyof typeof stepsFrom;
export const mayTake = (step: Step, from: IncidentStatus): boolean =>
  (stepsFrom[step] as readonly IncidentStatus[]).includes(from);

export const isGraver = (a: IncidentSeverity, b: IncidentSeverity): boolean =>
  incidentSeverities.indexOf(a) > incidentSeverities.indexOf(b);

/** What is of one kind: `T1110` for each way of guessing passwords. */
export const familyOf = ({ technique, scenario }: Pick<Detection, 'technique' | 'scenario'>): string =>
  technique?.split('.', 1)[0] ?? scenario;

export const titleOf = ({ name, subject: { scope, value } }: Pick<Detection, 'name' | 'subject'>): string =>
  (scope === 'ip' || scope === 'range' ? `${name} from ${value}` : name).slice(0, 200);

export const BREACH_LIMIT_MS = 72 * 3_600_000;
