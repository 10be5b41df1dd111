import { createEngine } from '../server/src/security/detection/engine.ts';
import { loadScenarios } from '../server/src/security/detection/scenario.ts';
import type { SeenEvent } from '../server/src/security/detection/seen-event.ts';
import { atLeast, type Outcome } from './support/outcome.ts';

const TARGET_A_SECOND = 50_000;
const EVENTS = 400_000;
const ADDRESSES = 50_000;

/**
 * All scenarios over a mixture in which every event concerns at least one of them, from more addresses than are remembered. Half of it is of people
 * and devices, half of strangers, whom alone the scenarios count that ban an address.
 */
export async function detection(): Promise<Outcome[]> {
  const scenarios = loadScenarios();
  const actions = [
    'path.unknown',
    'session.refused',
    'request.blocked',
    'rate.exceeded',
    'access.refused',
    'resource.missing',
    'device.connected',
    'topic.refused',
    'telemetry.flooded',
    'data.exported',
    'session.created',
    'user.changed',
  ];
  const events = Array.from({ length: EVENTS }, (_, n): SeenEvent => {
    const who = (n * 2_654_435_761) % ADDRESSES;
    const isKnown = Math.floor(n / actions.length) % 2 === 0;
    return {
      position: n,
      at: 1_800_000_000_000 + Math.floor(n / 50),
      organisationId: 1 + (who % 5),
      action: actions[n % actions.length] as string,
      outcome: 'failure',
      transport: 'http',
      address: `10.${who >> 16}.${(who >> 8) & 255}.${who & 255}`,
      userId: isKnown ? `user-${who % 1_000}` : null,
      deviceId: isKnown ? `device-${who % 1_000}` : null,
      method: 'GET',
      route: `/path-${n % 5_000}`,
      status: 404,
      reason: 'forbidden',
      count: 1,
      details: { factor: 'totp', bytes: 300_000, foreign: true, newRole: 'admin', resourceId: `user-${n % 1_000}` },
    };
  });
  const best = Math.max(...[1, 2, 3].map(() => perSecond(scenarios, events)));
  const words = `events a second through ${scenarios.length} scenarios on one core: ${Math.round(best).toLocaleString('en')}; the target is ${TARGET_A_SECOND.toLocaleString('en')}`;
  return [atLeast('detection.events_to_target', best / TARGET_A_SECOND, 1, '×', words)];
}

function perSecond(scenarios: ReturnType<typeof loadScenarios>, events: readonly SeenEvent[]): number {
  const engine = createEngine(scenarios);
  const began = performance.now();
  for (const event of events) engine.see(event);
  return events.length / ((performance.now() - began) / 1_000);
}
