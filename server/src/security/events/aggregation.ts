import type { SecurityEvent } from './security-event.ts';

/**
 * What a flood becomes. The first of its kind is passed on at once, since detection must not wait; what is alike within the same second is
 * counted and follows as one event when the second is over. Nothing of it is lost but the differences nobody could read anyway.
 *
 * Alike is the same action, source, person, device, route and reason. Somebody who varies these (a scan asks for another path each time)
 * is cut down in two more steps: past `perSource` kinds a second, what one source does is told by its action only, and past `perSecond`
 * kinds from all sources together, the action is all that is told. So a second makes at most
 * `perSecond` + (actions × outcomes) events twice over, however many addresses take part.
 */
export interface Aggregation {
  add(event: SecurityEvent): void;
  /** What is ready. `final`: also what would be counted on until its second is over. */
  take(final?: boolean): SecurityEvent[];
  /** Something waits for the end of its second. */
  readonly isCounting: boolean;
}

export interface AggregationLimits {
  readonly perSource: number;
  readonly perSecond: number;
  /** Events that nobody took yet. */
  readonly held: number;
}

export const aggregationLimits: AggregationLimits = { perSource: 20, perSecond: 2_000, held: 20_000 };
const WINDOW_MS = 1_000;

/** `monotonic`: milliseconds that never jump, since the second of a flood must end whatever the clock does. */
export function createAggregation(
  monotonic: () => number,
  lost: (event: SecurityEvent) => void,
  limits: AggregationLimits = aggregationLimits,
): Aggregation {
  let ready: SecurityEvent[] = [];
  let windowEnds = 0;
  /** Kinds seen in this second, with what came on top of the first. */
  let kinds = new Map<string, SecurityEvent | undefined>();
  let kindsOfSource = new Map<string, number>();
  let counting = 0;

  function endWindow(): void {
    for (const more of kinds.values()) if (more) push(more);
    kinds = new Map();
    kindsOfSource = new Map();
    counting = 0;
  }

  function push(event: SecurityEvent): void {
    if (ready.length >= limits.held) lost(event);
    else ready.push(event);
  }

  function addKind(kind: string, event: SecurityEvent): void {
    if (!kinds.has(kind)) {
      kinds.set(kind, undefined);
      push(event);
      return;
    }
    const more = kinds.get(kind);
    if (!more) counting += 1;
    kinds.set(kind, more ? together(more, event) : event);
  }

  return {
    add(event) {
      const now = monotonic();
      if (now >= windowEnds) {
        endWindow();
        windowEnds = now + WINDOW_MS;
      }
      // What changes the configuration costs whoever does it a transaction, and what the machinery concludes is rare: never merged, since
      // of these each one counts.
      if (event.category === 'configuration' || event.category === 'incident') return push(event);
      const kind = kindOf(event);
      const source = event.address ?? event.deviceId ?? event.user?.id ?? '';
      if (kinds.has(kind)) return addKind(kind, event);
      const ofSource = kindsOfSource.get(source) ?? 0;
      if (kinds.size >= limits.perSecond) return addKind(`${event.action} ${event.outcome}`, nameless(event));
      if (ofSource >= limits.perSource)
        return addKind(`${event.action} ${event.outcome} ${source}`, { ...withoutRoute(event), details: MERGED });
      kindsOfSource.set(source, ofSource + 1);
      addKind(kind, event);
    },
    take(final = false) {
      if (final || monotonic() >= windowEnds) endWindow();
      const taken = ready;
      ready = [];
      return taken;
    },
    get isCounting() {
      return counting > 0;
    },
  };
}

function together(one: SecurityEvent, other: SecurityEvent): SecurityEvent {
  const count = one.count + other.count;
  const { bytes } = one.details;
  if (typeof bytes !== 'number' || typeof other.details.bytes !== 'number') return { ...one, count };
  return { ...one, count, details: { ...one.details, bytes: bytes + other.details.bytes } };
}

const MERGED = Object.freeze({ merged: true });

/** Values are separated by what cannot stand in them, or somebody could choose a route that looks like another's event. */
function kindOf({ action, outcome, address, organisationId, user, deviceId, http, reason, details }: SecurityEvent) {
  const account = typeof details.account === 'string' ? details.account : '';
  const who = [organisationId, address, user?.id, deviceId, account];
  return JSON.stringify([action, outcome, ...who, http?.method, http?.route, reason]);
}

const withoutRoute = (event: SecurityEvent): SecurityEvent => ({ ...event, http: null, requestId: null });

const nameless = (event: SecurityEvent): SecurityEvent => ({
  ...withoutRoute(event),
  address: null,
  user: null,
  deviceId: null,
  organisationId: null,
  details: MERGED,
});
