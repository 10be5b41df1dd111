import { Aedes, type Client, type PublishPacket } from 'aedes';
import type { Clock } from '../../lib/clock.ts';
import type { Logger } from '../log/log.ts';
import type { ConnectDecision, MqttBroker, MqttHandlers, RefusalCode } from './broker.types.ts';
import { type ConnectionRecord, createConnectionIndex } from './connection.ts';
import { deliverTo } from './delivery.ts';
import { newIntakeBudget, openIntake } from './intake.ts';
import { defaultMqttLimits, type MqttLimits } from './limits.ts';
import { type Arrival, createListeners } from './listeners.ts';
import { receivePublish } from './publishing.ts';
import { createSessionState } from './session-state.ts';
import { createStrangers } from './strangers.ts';
import { sweepConnections } from './sweep.ts';

const SWEEP_MS = 1000;
const DRAIN_POLL_MS = 20;
/** QoS 2 packets of a client between PUBREC and PUBREL. A number each is kept; a client that sends a long list at once needs many. */
const MAX_HALFWAY_QOS2 = 16_384;

export async function createMqttBroker<T>(deps: {
  log: Logger;
  clock: Clock;
  handlers: MqttHandlers<T>;
  limits?: Partial<MqttLimits> | undefined;
}): Promise<MqttBroker<T>> {
  const { log, clock, handlers } = deps;
  const limits = { ...defaultMqttLimits, ...deps.limits };
  const budget = newIntakeBudget();
  const strangers = createStrangers(limits, clock);
  const index = createConnectionIndex<T>();
  const records = new WeakMap<Client, ConnectionRecord<T>>();
  const sessions = createSessionState((client, packetNumber) => {
    const record = records.get(client);
    const acknowledged = record?.unacknowledged.get(packetNumber);
    record?.unacknowledged.delete(packetNumber);
    acknowledged?.();
  });

  const aedes = await Aedes.createBroker({
    persistence: sessions.persistence,
    mq: noRouting,
    connectTimeout: limits.connectMs,
    maxInflightInbound: MAX_HALFWAY_QOS2,
    // Our own intake gives the parser nothing behind CONNECT until the client is known.
    queueLimit: 1,
    preConnect(client, packet, done) {
      const record = records.get(client);
      if (!record) {
        done(new Error('not one of our connections'), false);
        return;
      }
      record.will = packet.will;
      record.askedForSession = packet.clean === false;
      // Sessions end with the connection (session-state.ts); the client reads it from CONNACK (session present: 0).
      packet.clean = true;
      const asked = packet.keepalive ?? 0;
      record.silenceLimitMs = Math.min(asked || limits.keepaliveSeconds, limits.keepaliveSeconds) * 1500;
      // One sweep watches all connections instead of a timer in each, and it knows whom we keep waiting ourselves.
      packet.keepalive = 0;
      done(null, true);
    },
    authenticate(client, username, password, done) {
      const record = records.get(client);
      if (!record) {
        done(refused(5), null);
        return;
      }
      decide(record, username, password).then(
        (code) => (code === 0 ? done(null, true) : done(refused(code), null)),
        (error) => {
          log.error({ err: error, address: record.address }, 'an MQTT client could not be authenticated');
          done(refused(3), null);
        },
      );
    },
    authorizePublish(client, packet, done) {
      const record = client && records.get(client);
      if (record) receivePublish(record, packet, done, { handlers, sessions, limits, log, end });
      else done(new Error('not one of our connections'));
    },
    authorizeSubscribe(client, subscription, done) {
      const record = records.get(client);
      const granted = record !== undefined && maySubscribe(record, subscription.topic);
      if (granted) record.filters.set(subscription.topic, subscription.qos);
      // Null is answered with "failure" in the SUBACK; an error would end the connection.
      done(null, granted ? subscription : null);
    },
    authorizeForward(client, packet) {
      const record = records.get(client);
      if (record && packet.qos > 0) packet.messageId = record.lastPacketNumber;
      return packet;
    },
  });
  // Called for every publish once it is authorized, and for aedes' own notices: nothing is routed, so there is nothing to do. Without
  // this, each packet would be copied and looked up among subscriptions of which there are none. Not done at once: aedes reads on when a
  // packet is done, and at QoS 0 that would be from within the parser, which cannot be entered twice.
  aedes.publish = ((...args: unknown[]) => {
    const done = args.at(-1);
    if (typeof done === 'function') process.nextTick(done, null);
  }) as Aedes['publish'];
  aedes.on('error' as 'closed', ((error: Error) => log.error({ err: error }, 'the MQTT broker failed')) as () => void);
  aedes.on('clientError', (client, error) => noteError(client, error));
  aedes.on('connectionError', (client, error) => noteError(client, error));
  aedes.on('clientReady', (client) => {
    const record = records.get(client);
    if (!record?.accepted || record.closed) return;
    record.ready = true;
    handlers.onConnected?.(record.accepted);
  });
  aedes.on('subscribe', (_subscriptions, client) => {
    const record = records.get(client);
    if (record?.accepted && !record.closed) handlers.onSubscribed?.(record.accepted);
  });
  aedes.on('unsubscribe', (filters, client) => {
    for (const filter of filters) records.get(client)?.filters.delete(filter);
  });

  const listeners = createListeners({
    limits,
    log,
    onTransport(socket) {
      if (index.size + strangers.size >= limits.connections + limits.strangers) return false;
      strangers.arrived(socket, socket.remoteAddress ?? '');
      return true;
    },
    onArrival: takeArrival,
  });
  const timer = setInterval(() => {
    strangers.sweep();
    sweepConnections(index.all(), { now: clock.now(), limits, end });
  }, SWEEP_MS);
  timer.unref();

  function takeArrival({ socket, transport, certificate }: Arrival): void {
    const address = socket.remoteAddress ?? '';
    const onViolation = (fault: string) => {
      log.info({ address, fault, device: record.accepted?.identity }, 'an MQTT connection broke the protocol');
      // Not from within the parser's own read.
      setImmediate(() => client.close());
    };
    const intake = openIntake({ socket, limits, budget, clock, onViolation });
    const client = aedes.handle(socket);
    const record: ConnectionRecord<T> = {
      client,
      socket,
      transport,
      intake,
      address,
      certificate,
      filters: new Map(),
      unacknowledged: new Map(),
      will: undefined,
      askedForSession: false,
      silenceLimitMs: limits.keepaliveSeconds * 1500,
      accepted: undefined,
      expiresAt: Number.POSITIVE_INFINITY,
      ready: false,
      endedByUs: false,
      closed: false,
      lastPacketNumber: 0,
    };
    records.set(client, record);
    socket.once('close', () => closed(record));
  }

  function closed(record: ConnectionRecord<T>): void {
    record.closed = true;
    record.intake.close();
    record.unacknowledged.clear();
    index.remove(record);
    if (!record.ready || !record.accepted) return;
    const stillConnected = index.of(record.accepted.identity).size;
    handlers.onDisconnected?.(record.accepted, { goodbye: record.intake.saidGoodbye, stillConnected });
  }

  /** 0, or why not. */
  async function decide(
    record: ConnectionRecord<T>,
    username: string | undefined,
    password: Buffer | undefined,
  ): Promise<RefusalCode | 0> {
    const { client, address, certificate } = record;
    const clientId = client.id;
    if (clientId.length > limits.clientIdLength) return 2;
    if (index.size >= limits.connections) return 3;
    const attempt = { clientId, username, password, address, certificate };
    const decision = await within(limits.authenticateMs, handlers.authenticate(attempt));
    if (decision === undefined) return 3;
    if (!decision.accept) return decision.code;
    if (!record.closed) accept(record, clientId, decision);
    return 0;
  }

  function accept(
    record: ConnectionRecord<T>,
    clientId: string,
    decision: ConnectDecision<T> & { accept: true },
  ): void {
    const { identity, context, expiresAt } = decision;
    // aedes gives a connection to whoever comes with the same client id, with all that is sent to it. Behind the proven identity a client
    // id can only be met by its own kind.
    record.client.id = `${identity}/${clientId}`;
    record.accepted = { identity, clientId, address: record.address, context };
    record.expiresAt = expiresAt?.getTime() ?? Number.POSITIVE_INFINITY;
    strangers.isKnown(record.transport);
    index.add(record, identity);
    const siblings = index.of(identity);
    const [oldest] = siblings;
    if (oldest && siblings.size > limits.connectionsPerIdentity) end(oldest, 'too many connections of one identity');
    record.intake.admit();
  }

  function maySubscribe(record: ConnectionRecord<T>, filter: string): boolean {
    if (!record.accepted || filter.length > limits.filterLength) return false;
    if (record.filters.size >= limits.subscriptions && !record.filters.has(filter)) return false;
    return handlers.authorizeSubscribe(record.accepted, filter);
  }

  function end(record: ConnectionRecord<T>, reason: string): void {
    if (record.endedByUs || record.closed) return;
    record.endedByUs = true;
    record.intake.stop();
    log.debug({ reason, device: record.accepted?.identity, address: record.address }, 'ending an MQTT connection');
    record.client.close();
  }

  function noteError(client: Client, error: Error): void {
    log.debug({ err: error, address: records.get(client)?.address }, 'an MQTT connection failed');
  }

  return {
    listenTls: listeners.listenTls,
    listenPlain: listeners.listenPlain,
    deliver(identity, message, onAcknowledged = () => {}) {
      let acknowledged = false;
      const first = () => {
        if (!acknowledged) onAcknowledged();
        acknowledged = true;
      };
      let handed = 0;
      for (const record of index.of(identity)) if (deliverTo(record, message, limits, first)) handed += 1;
      return handed;
    },
    disconnect(which, reason) {
      const chosen = [...index.all()].filter((record) => record.accepted && which(record.accepted));
      for (const record of chosen) end(record, reason);
      return chosen.length;
    },
    isConnected: (identity) => index.of(identity).size > 0,
    connections: () => [...index.all()].flatMap(({ accepted }) => accepted ?? []),
    counts: () => ({ connections: index.size, strangers: strangers.size, heldBytes: budget.heldBytes }),
    async close() {
      listeners.stop();
      const open = [...index.all()];
      for (const record of open) record.intake.stop();
      const deadline = Date.now() + limits.drainMs;
      while (open.some((record) => record.intake.held > 0 && !record.closed) && Date.now() < deadline) {
        await new Promise((resolve) => setTimeout(resolve, DRAIN_POLL_MS));
      }
      clearInterval(timer);
      for (const record of open) end(record, 'shutting down');
      await new Promise<void>((resolve) => aedes.close(() => resolve()));
      strangers.closeAll();
    },
  };
}

function refused(code: RefusalCode) {
  return Object.assign(new Error('refused'), { returnCode: code as number });
}

async function within<R>(milliseconds: number, work: Promise<R>): Promise<R | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(resolve, milliseconds, undefined);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Where aedes would keep subscriptions and route by them. */
const noRouting = {
  on: (_topic: string, _listener: unknown, done?: () => void) => done?.(),
  removeListener: (_topic: string, _listener: unknown, done?: () => void) => done?.(),
  emit: (_packet: PublishPacket, done?: () => void) => done?.(),
  close: (done?: () => void) => done?.(),
};
