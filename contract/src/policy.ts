import type { AuditEventName } from './audit-events.ts';
import type { Permission } from './permissions.ts';

/** Who may pass. `open` and `unaudited` carry the reason; both are pinned lists in the tests that only shrink. */
export type Access =
  | {
      readonly kind: 'needs';
      readonly permission: Permission;
      readonly orDevice: boolean;
      /** The person must have proven a factor within `stepUpSeconds`. */
      readonly stepUp: boolean;
      /** An API key with the permission may pass. */
      readonly orKey: boolean;
    }
  | {
      readonly kind: 'signedIn';
      readonly stepUp: boolean;
      readonly orKey: boolean;
      /** Also for whom something is due first (`pendings`): the way to do it must be open. */
      readonly evenPending: boolean;
    }
  | { readonly kind: 'device' }
  /** A firewall elsewhere, by its key in `X-Api-Key`. */
  | { readonly kind: 'bouncer' }
  | { readonly kind: 'open'; readonly why: string };

/** How long a proof of a factor opens what declares `stepUp` (ASVS 7.5.1, 7.5.3). */
export const stepUpSeconds = 300;

/** What may be due before a person who signed in may do anything else. */
export const pendings = ['change_password', 'enrol_factor', 'enrol_passkey', 'verify_factor'] as const;
export type Pending = (typeof pendings)[number];

type NeedsOptions = { orDevice?: boolean; stepUp?: boolean; orKey?: boolean };

/**
 * `orDevice` and `orKey` must keep their literal types: they decide which principals a handler can meet.
 *
 * A key cannot prove anything anew, so what takes a step-up is closed to keys unless the declaration opens it (`orKey: true`): that a
 * program does it day by day must be the very purpose, and the step-up was taken when the key was made.
 */
export const needs = <const O extends NeedsOptions = { orDevice: false }>(permission: Permission, options?: O) =>
  ({
    kind: 'needs',
    permission,
    orDevice: (options?.orDevice ?? false) as O extends { orDevice: true } ? true : false,
    stepUp: options?.stepUp ?? false,
    orKey: (options?.orKey ?? !options?.stepUp) as KeyMayPass<O>,
  }) as const;
type KeyMayPass<O> = O extends { orKey: infer K } ? K : O extends { stepUp: true } ? false : true;

/** A person's own affairs, which no key has any part in unless it is said. */
export const signedIn = <
  const O extends { stepUp?: boolean; evenPending?: boolean; orKey?: boolean } = { orKey: false },
>(
  options?: O,
) =>
  ({
    kind: 'signedIn',
    stepUp: options?.stepUp ?? false,
    evenPending: options?.evenPending ?? false,
    orKey: (options?.orKey ?? false) as O extends { orKey: true } ? true : false,
  }) as const;
export const device = () => ({ kind: 'device' }) as const;
export const bouncer = () => ({ kind: 'bouncer' }) as const;
export const open = (why: string) => ({ kind: 'open', why }) as const;

/** Rate classes; their figures stand in `rates` and are the defaults of the interface document. */
export type RateClass = 'login' | 'api' | 'reveal' | 'ingest' | 'none';

export interface Rate {
  readonly perSecond: number;
  readonly burst: number;
}
export const rates = {
  coarseAddress: { perSecond: 500, burst: 1000 },
  loginAddress: { perSecond: 1, burst: 5 },
  apiAddress: { perSecond: 10, burst: 20 },
  apiPrincipal: { perSecond: 100, burst: 200 },
  /** Whoever looks up one after the other is to be noticed before they have them all. */
  revealPrincipal: { perSecond: 0.2, burst: 20 },
  ingestDevice: { perSecond: 100, burst: 1000 },
} as const satisfies Record<string, Rate>;

/**
 * A field that the inspection treats unlike all others, and why. `unseen`: it is not read, since it may rightly hold anything. `reported`:
 * what looks like an attack there is reported and never refused.
 */
export interface InspectionExemption {
  readonly field: 'body' | `body.${string}` | `query.${string}`;
  readonly how: 'unseen' | 'reported';
  readonly why: string;
}
export const unseen = (field: InspectionExemption['field'], why: string): InspectionExemption => ({
  field,
  how: 'unseen',
  why,
});
export const reported = (field: InspectionExemption['field'], why: string): InspectionExemption => ({
  field,
  how: 'reported',
  why,
});

/** What the audit log says: the event is appended in the transaction of the change, or nothing is, for the reason given. */
export type Audit =
  | { readonly kind: 'records'; readonly event: AuditEventName }
  /**
   * Who read is recorded before the answer is sent, and nothing is sent where it cannot be. `health`: where the device, or any of the
   * organisation where none is named, is of class health. Once for a person, event and device within a minute: a screen that asks every few
   * seconds is one reading.
   */
  | { readonly kind: 'reads'; readonly event: AuditEventName; readonly of: 'health' | 'all' }
  | { readonly kind: 'unaudited'; readonly why: string };

export const records = <const E extends AuditEventName>(event: E) => ({ kind: 'records', event }) as const;
export const reads = <const E extends AuditEventName>(event: E, of: 'health' | 'all') =>
  ({ kind: 'reads', event, of }) as const;
export const unaudited = (why: string) => ({ kind: 'unaudited', why }) as const;
