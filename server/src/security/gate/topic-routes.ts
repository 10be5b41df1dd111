import type { Topic } from '@valtronics/contract';
import type { TopicHandler } from './topics.ts';

export interface TopicRoute {
  readonly topic: Topic;
  readonly handler: TopicHandler;
}

export type TopicMatch =
  | { readonly kind: 'route'; readonly route: TopicRoute; readonly params: Readonly<Record<string, string>> }
  /** The device's own, but nothing that is declared. */
  | { readonly kind: 'undeclared' }
  /** Another device's, or nobody's. */
  | { readonly kind: 'foreign' };

/** The two places a connected device's topics live under; everything it may touch starts with one of them. */
export interface OwnTopics {
  readonly current: string;
  readonly older: string;
  /** What a connection published to before, and where that leads: the same topic of the same device leads there again. */
  readonly matched: Map<string, TopicMatch>;
}

const CURRENT = 'valtronics/devices/{deviceId}/';
const OLDER = 'valtronics/{deviceId}/';
const MAX_PARAMETER_LENGTH = 128;
/** A device has a handful of topics; one that makes up ever new ones is looked up each time. */
const MAX_MATCHED = 64;
const NO_PARAMS = Object.freeze({});

type Scheme = 'current' | 'older';

export interface TopicRoutes {
  add(route: TopicRoute): void;
  has(topic: Topic): boolean;
  match(topic: string, own: OwnTopics): TopicMatch;
}

export function ownTopics(deviceId: string): OwnTopics {
  return { current: `valtronics/devices/${deviceId}/`, older: `valtronics/${deviceId}/`, matched: new Map() };
}

/** Splits a declared pattern into the scheme and what follows the device. A pattern that is no device's cannot be put into force. */
function placeOf(pattern: string): { scheme: Scheme; rest: string } {
  if (pattern.startsWith(CURRENT)) return { scheme: 'current', rest: pattern.slice(CURRENT.length) };
  if (pattern.startsWith(OLDER)) return { scheme: 'older', rest: pattern.slice(OLDER.length) };
  throw new Error(`the topic ${pattern} belongs to no device`);
}

/**
 * Declared topics against what a device really publishes to. The device's own prefix is compared as text first, so that nothing a
 * device writes into a topic can make it match another's; what is left is looked up, and remembered for the connection.
 */
export function createTopicRoutes(): TopicRoutes {
  const known = new Set<string>();
  const fixed: Record<Scheme, Map<string, TopicRoute>> = { current: new Map(), older: new Map() };
  const parameterised: { scheme: Scheme; before: string; name: string; route: TopicRoute }[] = [];

  function matchRest(scheme: Scheme, rest: string): TopicMatch {
    const route = fixed[scheme].get(rest);
    if (route) return { kind: 'route', route, params: NO_PARAMS };
    for (const entry of parameterised) {
      if (entry.scheme !== scheme || !rest.startsWith(entry.before)) continue;
      const value = rest.slice(entry.before.length);
      if (value === '' || value.length > MAX_PARAMETER_LENGTH || value.includes('/')) continue;
      return { kind: 'route', route: entry.route, params: { [entry.name]: value } };
    }
    return { kind: 'undeclared' };
  }

  function lookUp(topic: string, own: OwnTopics): TopicMatch {
    if (topic.startsWith(own.current)) return matchRest('current', topic.slice(own.current.length));
    if (topic.startsWith(own.older)) return matchRest('older', topic.slice(own.older.length));
    return { kind: 'foreign' };
  }

  return {
    add(route) {
      const { pattern } = route.topic;
      if (known.has(pattern)) throw new Error(`the topic ${pattern} is handled twice`);
      known.add(pattern);
      const { scheme, rest } = placeOf(pattern);
      const parameter = /^((?:[^{}/]+\/)*)\{([A-Za-z]+)\}$/.exec(rest);
      if (parameter) parameterised.push({ scheme, before: parameter[1] ?? '', name: parameter[2] ?? '', route });
      else if (/[{}+#]/.test(rest)) throw new Error(`the topic ${pattern} has a parameter elsewhere than at its end`);
      else fixed[scheme].set(rest, route);
    },
    has: (topic) => known.has(topic.pattern),
    match(topic, own) {
      const before = own.matched.get(topic);
      if (before) return before;
      const match = lookUp(topic, own);
      if (match.kind === 'route' && own.matched.size < MAX_MATCHED) own.matched.set(topic, match);
      return match;
    },
  };
}

/**
 * Whether a device may listen with this filter: it must lie wholly within a declared topic of its own. A declared `…/#` takes every
 * filter below it; the part before must be equal letter by letter, so no wildcard reaches beyond it.
 */
export function maySubscribe(filter: string, deviceId: string, topics: readonly Topic[]): boolean {
  return topics.some((topic) => {
    if (topic.direction !== 'subscribe') return false;
    const declared = topic.pattern.replace('{deviceId}', deviceId);
    return filter === declared || (declared.endsWith('/#') && filter.startsWith(declared.slice(0, -1)));
  });
}
