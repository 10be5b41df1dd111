import type { AuditEventName, SecurityAction, SecurityCategory, SecurityLevel } from '@valtronics/contract';

/** One thing that happened to security. Times are the server's; no value of a stranger's stands anywhere but in its own field. */
export interface SecurityEvent {
  readonly id: string;
  readonly at: Date;
  /** Null: of the instance, since whoever did it belongs to no organisation, or it is not known. */
  readonly organisationId: number | null;
  readonly category: SecurityCategory;
  readonly action: SecurityAction | AuditEventName;
  readonly outcome: 'success' | 'failure' | 'unknown';
  readonly level: SecurityLevel;
  readonly transport: 'http' | 'mqtt' | 'websocket' | 'cli' | 'system';
  readonly address: string | null;
  readonly user: { readonly id: string; readonly label: string | null } | null;
  readonly deviceId: string | null;
  readonly http: { readonly method: string; readonly route: string; readonly status: number | null } | null;
  readonly requestId: string | null;
  /** Why, by a public name: the code of a problem, the id of a scenario or of a signature. */
  readonly reason: string | null;
  /** How many there were of it, under a flood. */
  readonly count: number;
  /** At most 8 KiB as JSON. Never a secret, never a body. */
  readonly details: Readonly<Record<string, unknown>>;
}

/** What a door says; the rest is known here (id, time, category and level of the action, count 1). */
export type SecurityReport = Pick<SecurityEvent, 'action' | 'outcome' | 'transport'> &
  Partial<Omit<SecurityEvent, 'id' | 'at' | 'action' | 'outcome' | 'transport' | 'count'>>;

export interface SecurityEvents {
  /**
   * Takes note, at once and without fail: what is reported is written by and by, to the file and the database. Under a flood what is alike
   * becomes one event with a count. Never awaited, since no request waits for what is said about it.
   */
  report(event: SecurityReport): void;
}
