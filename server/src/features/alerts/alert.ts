import type { Alert, AlertStatus, Severity } from '@valtronics/contract';

/** An alert as it is read from the database. */
export interface AlertRow {
  readonly organisationId: number;
  readonly id: string;
  readonly type: 'rule' | 'device';
  readonly ruleId: string | null;
  readonly deviceId: string;
  readonly deviceName: string;
  readonly metric: string | null;
  readonly severity: Severity;
  readonly status: AlertStatus;
  readonly title: string;
  readonly detail: string | null;
  readonly value: number | null;
  readonly peak: number | null;
  readonly threshold: number | null;
  /** Of class health: what it says of a value is here, and null where it was. */
  readonly toldSealed: Buffer | null;
  readonly peakSealed: Buffer | null;
  /** With whose key both are sealed; null: the organisation's. */
  readonly subject: string | null;
  readonly startedAt: Date;
  readonly raisedAt: Date;
  readonly acknowledgedAt: Date | null;
  readonly acknowledgedBy: string | null;
  readonly resolvedAt: Date | null;
  readonly resolvedBy: string | null;
}

/** With what the row has in clear: of class health that is nothing, unless it was opened. */
export function toAlert(row: AlertRow): Alert {
  const { organisationId: _, subject: __, toldSealed, peakSealed, ...alert } = row;
  return {
    ...alert,
    health: toldSealed !== null || peakSealed !== null,
    startedAt: row.startedAt.toISOString(),
    raisedAt: row.raisedAt.toISOString(),
    acknowledgedAt: row.acknowledgedAt?.toISOString() ?? null,
    resolvedAt: row.resolvedAt?.toISOString() ?? null,
  };
}

/** What has happened to an alert that others are told about. */
export type Transition = 'raised' | 'acknowledged' | 'resolved';

/** To be told once the transaction that made it true has committed. */
export interface Announcement {
  readonly organisationId: number;
  readonly alert: Alert;
  readonly transition: Transition;
}

export const SEVERITIES = ['info', 'warning', 'critical'] as const satisfies readonly Severity[];

export const isGraver = (a: Severity, b: Severity): boolean => SEVERITIES.indexOf(a) > SEVERITIES.indexOf(b);
