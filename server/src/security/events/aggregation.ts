import { addressKey } from '../shield/client-address.ts';
import type { SecurityEvent } from './security-event.ts';

/**
 * What a flood becomes. The first of its kind is passed on at once, since detection must not wait; what is alike within the same second is
 * counted and follows as one event when the second is over. Nothing of it is lost but the differences nobody could read anyway.
 *
 * Alike is the same action, source, person, device, route and reason. Somebody who varies these (a scan asks for another path each time)
 * is cut down in two more steps: past `perSource` kinds a second, what one source does is told by its action only, and past `perSecond`
 * kinds from all sources together, the action and whose it is are all that is told. A source is an address as limits count it, so the /64
 * of one caller is one. So a second makes at most `perSecond` + (actions × outcomes × organisations) events twice over, however many
 * addresses take part.
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

/** `perSource` is twice what any scenario needs of one source, or a scan would be over before it was told apart. */
export const aggregationLimits: AggregationLimits = { perSource: 40, perSecond: 2_000, held: 20_000 };
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
      const source = event.address === null ? (event.deviceId ?? event.user?.id ?? '') : addressKey(event.address);
      if (kinds.has(kind)) return addKind(kind, event);
      const ofSource = kindsOfSource.get(source) ?? 0;
      if (kinds.size >= limits.perSecond) return addKind(kindOfAction(event), nameless(event));
      if (ofSource >= limits.perSource) {
        // Of whom nothing is known is never counted to somebody, nor the other way round; nor is a tool what a browser was made to do.
        const names = event.user !== null || event.deviceId !== null;
        return addKind(`${kindOfAction(event)} ${names} ${isOfBrowser(event)} ${source}`, merged(event));
      }
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
  const { bytes } = one.details;
  const isSame = one.user?.id === other.user?.id && one.deviceId === other.deviceId;
  return {
    ...one,
    count: one.count + other.count,
    // What several did is not the first one's.
    ...(isSame ? {} : { user: null, deviceId: null }),
    details: {
      ...one.details,
      ...(isSame ? {} : { several: true }),
      ...(typeof bytes === 'number' && typeof other.details.bytes === 'number'
        ? { bytes: bytes + other.details.bytes }
        : {}),
    },
  };
}

const isOfBrowser = ({ details }: SecurityEvent): boolean => details.browser === true;
const kindOfAction = ({ action, outcome, organisationId }: SecurityEvent): string =>
  `${action} ${outcome} ${organisationId ?? ''}`;

/** Values are separated by what cannot stand in them, or somebody could choose a route that looks like another's event. */
function kindOf(event: SecurityEvent): string {
  const { action, outcome, address, organisationId, user, deviceId, http, reason, details } = event;
  const account = typeof details.account === 'string' ? details.account : '';
  const who = [organisationId, address, user?.id, deviceId, account, isOfBrowser(event)];
  return JSON.stringify([action, outcome, ...who, http?.method, http?.route, reason]);
}

/** Without what differs from one to the next; how much it was is added up. */
const merged = (event: SecurityEvent): SecurityEvent => ({
  ...event,
  http: null,
  requestId: null,
  details: {
    merged: true,
    ...(isOfBrowser(event) ? { browser: true } : {}),
    ...(typeof event.details.bytes === 'number' ? { bytes: event.details.bytes } : {}),
  },
});

const nameless = (event: SecurityEvent): SecurityEvent => ({
  ...merged(event),
  address: null,
  user: null,
  deviceId: null,
});
