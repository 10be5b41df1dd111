import type { IncidentSeverity } from '@valtronics/contract';

/** What a scenario concluded from security events. */
export interface Detection {
  readonly id: string;
  readonly at: Date;
  /** The id of the scenario, which is the name of its file. */
  readonly scenario: string;
  /** What it is called on screens. */
  readonly name: string;
  readonly severity: IncidentSeverity;
  /** MITRE ATT&CK technique, as `T1110.003`. */
  readonly technique: string | null;
  readonly organisationId: number | null;
  /** Whom it is about, which is what a decision falls on. */
  readonly subject: {
    readonly scope: 'ip' | 'range' | 'user' | 'device' | 'organisation' | 'instance';
    readonly value: string;
  };
  readonly firstAt: Date;
  readonly lastAt: Date;
  /** How many events led to it, and at most 50 of them. */
  readonly count: number;
  readonly events: readonly string[];
  readonly response: { readonly decision: 'none' | 'block' | 'ban'; readonly opensIncident: boolean };
  /** The scenario is being tried out: it is shown, and nothing follows from it. */
  readonly simulated: boolean;
}

/**
 * What follows from a detection. Called on one server at a time, again until it resolves, so it must do the same thing once however often
 * it is asked (the id of the detection tells).
 */
export type DetectionAnswer = (detection: Detection) => Promise<void>;
