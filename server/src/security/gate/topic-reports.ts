import type { ProblemCode, SecurityAction } from '@valtronics/contract';
import type { Clock } from '../../lib/clock.ts';
import type { MqttConnection } from '../../platform/mqtt/connection.ts';
import type { DevicePrincipal } from '../access/principal.ts';
import type { SecurityEvents } from '../events/security-event.ts';
import type { Verdict } from '../inspection/inspect-request.ts';
import type { ConnectedDevice } from './device-admission.ts';
import { inspectionReport } from './inspection-report.ts';
import type { Places } from './places.ts';
import { whoOf } from './reported-principal.ts';

type Connection = Pick<MqttConnection<ConnectedDevice>, 'address' | 'context'>;

const actions: Partial<Record<ProblemCode, SecurityAction>> = {
  not_found: 'topic.refused',
  forbidden: 'topic.refused',
  too_large: 'request.malformed',
  malformed_json: 'request.malformed',
  invalid_request: 'request.malformed',
};
const MOST_OF_TOPIC = 300;
const PLACED_EVERY_MS = 10_000;

export type TopicReports = ReturnType<typeof createTopicReports>;

/** What the MQTT door says of devices that come and go and of what it turned away. A message that is taken is no event. */
export function createTopicReports(deps: { events: SecurityEvents; places: Places; clock: Clock }) {
  const { events, places, clock } = deps;
  const of = ({ address, context }: Connection) =>
    ({ transport: 'mqtt', address, ...whoOf(context.principal) }) as const;

  return {
    credentialRefused(address: string, deviceId: string | undefined, reason: string): void {
      events.report({
        action: 'credential.refused',
        outcome: 'failure',
        transport: 'mqtt',
        address,
        // What was claimed, not who it was: nobody has proven anything.
        deviceId: deviceId ?? null,
        reason: 'not_authenticated',
        details: { why: reason },
      });
    },
    tooManyConnects(address: string, deviceId: string | undefined): void {
      events.report({
        action: 'rate.exceeded',
        outcome: 'failure',
        transport: 'mqtt',
        address,
        deviceId: deviceId ?? null,
        reason: 'too_many_requests',
      });
    },
    keptOut(address: string, code: 'banned' | 'blocked', device: DevicePrincipal | undefined): void {
      events.report({
        action: 'block.enforced',
        outcome: 'failure',
        transport: 'mqtt',
        address,
        ...whoOf(device),
        reason: code,
      });
    },
    connected(connection: Connection): void {
      this.heard(connection);
      const { credentialId } = connection.context.principal;
      events.report({
        ...of(connection),
        action: 'device.connected',
        outcome: 'success',
        details: { credentialId },
      });
    },
    disconnected(connection: Connection, goodbye: boolean): void {
      events.report({ ...of(connection), action: 'device.disconnected', outcome: 'success', details: { goodbye } });
    },
    /** At every message, so it looks at the time and, every few seconds, at the place. */
    heard({ address, context }: Connection): void {
      const now = clock.now();
      if (now - context.placedAt < PLACED_EVERY_MS && now >= context.placedAt) return;
      context.placedAt = now;
      places.seen(context.principal, address, 'mqtt');
    },
    foreign(connection: Connection, topic: string, method: 'publish' | 'subscribe'): void {
      events.report({
        ...of(connection),
        action: 'topic.refused',
        outcome: 'failure',
        http: { method, route: topic.slice(0, MOST_OF_TOPIC), status: null },
        reason: 'forbidden',
        details: { foreign: true },
      });
    },
    refused(connection: Connection, topic: string, code: ProblemCode): void {
      const action = actions[code];
      if (action === undefined) return;
      events.report({
        ...of(connection),
        action,
        outcome: 'failure',
        http: { method: 'publish', route: topic.slice(0, MOST_OF_TOPIC), status: null },
        reason: code,
      });
    },
    inspected(connection: Connection, topic: string, verdict: Verdict): void {
      events.report({
        ...of(connection),
        ...inspectionReport(verdict),
        http: { method: 'publish', route: topic.slice(0, MOST_OF_TOPIC), status: null },
      });
    },
    flooded(connection: Connection): void {
      events.report({
        ...of(connection),
        action: 'telemetry.flooded',
        outcome: 'failure',
        reason: 'too_many_requests',
      });
    },
  };
}
