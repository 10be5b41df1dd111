import type { Value } from '@valtronics/contract';

/** Everything a device would measure at one moment, by metric name. */
export type Sample = Readonly<Record<string, Value>>;

/** A pure function of time (milliseconds since 1970); `null` while the device is silent. */
export type Model = (atMs: number) => Sample | null;

export interface Metric {
  readonly name: string;
  readonly unit?: string;
  /** Sent this often; the device's interval unless told. Booleans and texts are also sent whenever they change. */
  readonly everySeconds?: number;
}

/** What kind of thing a device is: the type it is registered under, and what it measures in the order a person reads it. */
export interface Kind {
  readonly type: string;
  readonly health: boolean;
  readonly intervalSeconds: number;
  readonly metrics: readonly Metric[];
}

/** Every model is made from these: its seed, and how far the place is from UTC (for day and night). */
export interface Place {
  readonly seed: number;
  readonly utcOffsetMinutes: number;
}
