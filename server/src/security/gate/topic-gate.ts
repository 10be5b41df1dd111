import { topics as declaredTopics, deviceTopics, type Rate, rates, type Topic } from '@valtronics/contract';
import type { Clock } from '../../lib/clock.ts';
import { Problem } from '../../lib/problem.ts';
import type { Logger } from '../../platform/log/log.ts';
import type { Metrics } from '../../platform/metrics/metrics.ts';
import type { IncomingMessage, MqttBroker, MqttHandlers } from '../../platform/mqtt/broker.types.ts';
import type { MqttConnection } from '../../platform/mqtt/connection.ts';
import { refusal } from '../access/decision.ts';
import type { DeviceCredentials } from '../access/device-credentials.ts';
import type { DevicePrincipal } from '../access/principal.ts';
import type { Revocations } from '../access/revocations.ts';
import type { SecurityEvents } from '../events/security-event.ts';
import { inspectMessage } from '../inspection/inspect-request.ts';
import type { Blocks } from '../shield/blocks.ts';
import type { Limiter } from '../shield/limiter.ts';
import type { RefusedTokens } from '../shield/refused-tokens.ts';
import { type ConnectedDevice, createDeviceAdmission, revocationCovers } from './device-admission.ts';
import { createIngestPace } from './ingest-pace.ts';
import { blockedRequest } from './inspection-report.ts';
import type { Places } from './places.ts';
import { toProblem } from './to-problem.ts';
import { createTopicReports } from './topic-reports.ts';
import { createTopicRoutes, maySubscribe, type TopicMatch, type TopicRoute } from './topic-routes.ts';
import type { DeviceObserver, TopicGate } from './topics.ts';

type AttachedBroker = Pick<MqttBroker<ConnectedDevice>, 'deliver' | 'disconnect' | 'connections'>;

export interface TopicGateControl extends TopicGate {
  /** What the broker asks. */
  readonly handlers: MqttHandlers<ConnectedDevice>;
  /** The broker that `handlers` was given to; before it listens. */
  attach(broker: AttachedBroker): void;
  /** Throws if a declared topic has no handler: it would be announced and then swallowed. */
  assertComplete(): void;
  /** Lets messages through that wait for their turn; for a shutdown. */
  close(): void;
}

const RECHECKS_AT_ONCE = 20;
const RECHECK_RETRY_MS = 2000;
const MAX_REPORTED_TOPIC = 256;
const MAX_REPORTED_ERRORS = 20;
const FAULT_LOG: Rate = { perSecond: 1, burst: 5 };

/**
 * The door for MQTT. Deny by default: a device touches its own declared topics and nothing else. In this order: device (CONNECT), topic,
 * rate, size, access, inspection, handler.
 */
export function createTopicGate(deps: {
  credentials: Pick<DeviceCredentials, 'verify' | 'verifyCertificate'>;
  refusedTokens: RefusedTokens;
  revocations: Pick<Revocations, 'onRevoked' | 'onGap'>;
  blocks: Pick<Blocks, 'of' | 'ofPrincipal' | 'onImposed'>;
  limiter: Limiter;
  events: SecurityEvents;
  places: Places;
  log: Logger;
  clock: Clock;
  metrics: Pick<Metrics, 'gateRefused' | 'mqttReceived'>;
  /** What a device may publish; the contract's figure unless told. */
  ingestRate?: Rate | undefined;
  topics?: readonly Topic[] | undefined;
}): TopicGateControl {
  const { revocations, limiter, log, clock, metrics, topics = declaredTopics } = deps;
  const reports = createTopicReports(deps);
  const admission = createDeviceAdmission({ ...deps, reports });
  const pace = createIngestPace(limiter, deps.ingestRate ?? rates.ingestDevice);
  const routes = createTopicRoutes();
  const observers: DeviceObserver[] = [];
  let broker: AttachedBroker | undefined;

  revocations.onRevoked((match) => {
    if (!match.deviceId) return;
    broker?.disconnect(({ context }) => revocationCovers(match, context.principal), 'the credential was revoked');
  });
  revocations.onGap(() => {
    void recheckAll();
  });
  deps.blocks.onImposed(() => {
    broker?.disconnect(({ address, context }) => admission.isKeptOut(address, context.principal), 'blocked');
  });

  async function recheckAll(): Promise<void> {
    const connections = broker?.connections() ?? [];
    while (connections.length > 0) await Promise.all(connections.splice(0, RECHECKS_AT_ONCE).map(recheck));
  }

  async function recheck(connection: MqttConnection<ConnectedDevice>): Promise<void> {
    try {
      if (await connection.context.stillGood()) return;
      broker?.disconnect((each) => each === connection, 'the credential is no longer good');
    } catch {
      // The database is away, and with it the way to revoke anything; ask again when it may be back.
      setTimeout(recheck, RECHECK_RETRY_MS, connection).unref();
    }
  }

  function report(connection: MqttConnection<ConnectedDevice>, topic: string, problem: Problem): void {
    const { deviceId } = connection.context.principal;
    metrics.gateRefused('mqtt', problem.code);
    reports.refused(connection, topic, problem.code);
    const body = {
      code: problem.code,
      detail: problem.message,
      errors: problem.errors?.slice(0, MAX_REPORTED_ERRORS) ?? [],
      topic: topic.slice(0, MAX_REPORTED_TOPIC),
      at: clock.date().toISOString(),
    };
    const errorsTopic = deviceTopics.errors.pattern.replace('{deviceId}', deviceId);
    broker?.deliver(deviceId, { topic: errorsTopic, payload: Buffer.from(JSON.stringify(body)), qos: 0 });
  }

  /** Another device's topic. There is no innocent reason, and MQTT 3.1.1 has no way to say no to a publish but to hang up. */
  function refuseForeign(
    connection: MqttConnection<ConnectedDevice>,
    topic: string,
    action: 'publish' | 'subscribe',
  ): void {
    const { deviceId, organisationId } = connection.context.principal;
    metrics.gateRefused('mqtt', 'forbidden');
    admission.countRefusal(connection.address, deviceId);
    reports.foreign(connection, topic, action);
    if (!limiter.take(`mqtt-foreign-log:${deviceId}`, FAULT_LOG).ok) return;
    log.warn(
      {
        event: 'access.refused',
        principal: `device:${deviceId}`,
        organisation: organisationId,
        address: connection.address,
        action,
        topic: topic.slice(0, MAX_REPORTED_TOPIC),
      },
      'a device reached for a topic that is not its own',
    );
  }

  function takeMessage(
    connection: MqttConnection<ConnectedDevice>,
    message: IncomingMessage,
  ): Promise<void> | undefined {
    const { principal, own } = connection.context;
    metrics.mqttReceived(1);
    const match = routes.match(message.topic, own);
    if (match.kind === 'foreign') {
      refuseForeign(connection, message.topic, 'publish');
      broker?.disconnect((each) => each === connection, 'a topic that is not its own');
      return undefined;
    }
    const turn = pace.admit(principal.deviceId);
    if (turn) reports.flooded(connection);
    // A last will cannot be slowed down: whoever sent it is gone.
    if (turn && !message.lastWill) return turn.then(() => handle(connection, message, match));
    return handle(connection, message, match);
  }

  function handle(
    connection: MqttConnection<ConnectedDevice>,
    message: IncomingMessage,
    match: Exclude<TopicMatch, { kind: 'foreign' }>,
  ): Promise<void> | undefined {
    const { principal } = connection.context;
    if (!message.lastWill) {
      reports.heard(connection);
      for (const observer of observers) observer.heard?.(principal);
    }
    if (match.kind === 'undeclared') {
      report(connection, message.topic, new Problem('not_found', { detail: 'There is no such topic.' }));
      return undefined;
    }
    const { topic, handler } = match.route;
    const problem = unfit(topic, principal, message, clock.now());
    if (problem) {
      report(connection, message.topic, problem);
      return undefined;
    }
    const { payload, qos, lastWill } = message;
    const verdict = inspectMessage(payload, topic.inspection);
    if (verdict) reports.inspected(connection, message.topic, verdict);
    if (verdict?.blocked) {
      // Told and acknowledged, like every fault of a message: it would be no better the next time.
      report(connection, message.topic, blockedRequest(verdict));
      return undefined;
    }
    // Not the message: it would hold its payload until it is answered.
    const { topic: name } = message;
    try {
      return handler({ device: principal, params: match.params, payload, qos, lastWill }).catch((error: unknown) =>
        answerFailure(connection, name, error),
      );
    } catch (error) {
      answerFailure(connection, name, error);
      return undefined;
    }
  }

  /** Faults of the message are told and acknowledged, or QoS 1 would repeat them for ever; our own keep it with the sender. */
  function answerFailure(connection: MqttConnection<ConnectedDevice>, topic: string, error: unknown): void {
    const problem = toProblem(error);
    if (problem.status >= 500 && !(error instanceof Problem)) {
      const { deviceId } = connection.context.principal;
      if (limiter.take(`mqtt-fault-log:${deviceId}`, FAULT_LOG).ok)
        log.error({ err: error, device: deviceId, topic }, 'a message could not be handled');
      throw error;
    }
    if (problem.status === 503) throw error;
    report(connection, topic, problem);
  }

  return {
    onTopic(topic, handler) {
      if (topic.direction !== 'publish') throw new Error(`${topic.pattern} is not a topic that devices publish to`);
      if (!topics.includes(topic)) throw new Error(`${topic.pattern} is not declared in the contract`);
      routes.add({ topic, handler } satisfies TopicRoute);
    },
    observe: (observer) => {
      observers.push(observer);
    },
    handlers: {
      authenticate: (attempt) => admission.admit(attempt),
      authorizeSubscribe(connection, filter) {
        const { deviceId } = connection.context.principal;
        if (maySubscribe(filter, deviceId, topics)) return true;
        const { own } = connection.context;
        if (!filter.startsWith(own.current) && !filter.startsWith(own.older))
          refuseForeign(connection, filter, 'subscribe');
        report(connection, filter, new Problem('forbidden', { detail: 'This device may not subscribe to that.' }));
        return false;
      },
      onPublish: takeMessage,
      onConnected(connection) {
        reports.connected(connection);
        for (const observer of observers) observer.connected?.(connection.context.principal);
      },
      onSubscribed({ context }) {
        for (const observer of observers) observer.subscribed?.(context.principal);
      },
      onDisconnected(connection, how) {
        reports.disconnected(connection, how.goodbye);
        for (const observer of observers) observer.disconnected?.(connection.context.principal, how);
      },
    },
    attach(attached) {
      broker = attached;
    },
    assertComplete() {
      const missing = topics.filter((topic) => topic.direction === 'publish' && !routes.has(topic));
      if (missing.length > 0)
        throw new Error(`no handler for the topic ${missing.map(({ pattern }) => pattern).join(', ')}`);
    },
    close: () => pace.close(),
  };
}

function unfit(topic: Topic, principal: DevicePrincipal, message: IncomingMessage, now: number): Problem | undefined {
  if (message.payload.length > topic.maxBytes)
    return new Problem('too_large', { detail: `A message here has at most ${topic.maxBytes} bytes.` });
  return refusal(topic.access, principal, now);
}
