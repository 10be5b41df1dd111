import { deviceTopics, type Endpoint } from '@valtronics/contract';
import type { z } from 'zod';
import { createDevices } from '../../server/src/features/devices/index.ts';
import { type Clock, systemClock } from '../../server/src/lib/clock.ts';
import { newId } from '../../server/src/lib/ids.ts';
import { createLogger } from '../../server/src/platform/log/log.ts';
import { createMqttBroker } from '../../server/src/platform/mqtt/broker.ts';
import { createDeviceCredentials } from '../../server/src/security/access/device-credentials.ts';
import { createPeople } from '../../server/src/security/access/people.ts';
import type { UserPrincipal } from '../../server/src/security/access/principal.ts';
import type { RevocationMatch } from '../../server/src/security/access/revocations.ts';
import { createTransactions } from '../../server/src/security/audit/transactions.ts';
import {
  createDeviceAuthority,
  openDeviceAuthority,
} from '../../server/src/security/crypto/certificates/device-authority.ts';
import type { Answer, Call } from '../../server/src/security/gate/call.ts';
import type { EndpointGate } from '../../server/src/security/gate/endpoint-gate.ts';
import type { Subscription } from '../../server/src/security/gate/streams.ts';
import { createTopicGate } from '../../server/src/security/gate/topic-gate.ts';
import { createLimiter } from '../../server/src/security/shield/limiter.ts';
import { createRefusedTokens } from '../../server/src/security/shield/refused-tokens.ts';
import { dataKeysOn, sealClear } from './data-keys.ts';
import type { TestDatabase } from './database.ts';
import { anMqttClient } from './mqtt-client.ts';
import { aUserPrincipal } from './principals.ts';
import { heardEvents } from './security-events.ts';
import { aSelfSignedCertificate } from './self-signed-certificate.ts';
import { noBlocks } from './shield.ts';

type Input = { params?: Record<string, string>; query?: Record<string, string>; body?: unknown };

/** An organisation with one person in it. */
export async function anOrganisation(database: TestDatabase): Promise<UserPrincipal> {
  const inserted = await database.admin.query(
    `insert into organisations (public_id, name) values ($1, 'Ward 7') returning id`,
    [newId()],
  );
  const organisationId: number = inserted.rows[0].id;
  const userId = newId();
  await database.admin.query(
    `insert into users (id, organisation_id, email, name, role, status) values ($1, $2, $3, 'Ann', 'admin', 'active')`,
    [userId, organisationId, `${userId}@example.org`],
  );
  return aUserPrincipal('admin', { userId, organisationId, email: `${userId}@example.org` });
}

/** The devices feature on a real database, with a real broker before it; endpoints are called without HTTP. */
export async function devicesUnderTest(database: TestDatabase, clock: Clock = systemClock) {
  const log = createLogger({ level: 'fatal', clock });
  const transactions = createTransactions(database);
  const dataKeys = await dataKeysOn(database);
  const listeners: ((match: RevocationMatch) => void)[] = [];
  const revocations = {
    onRevoked: (listener: (match: RevocationMatch) => void) => void listeners.push(listener),
    onGap: () => {},
    async announce(match: RevocationMatch) {
      for (const listener of listeners) listener(match);
    },
  };
  const credentials = createDeviceCredentials({ transactions, revocations, clock });
  const topicGate = createTopicGate({
    blocks: noBlocks,
    credentials,
    refusedTokens: createRefusedTokens({ transactions, clock }),
    revocations,
    limiter: createLimiter({ clock: systemClock, maxKeys: 10_000 }),
    metrics: { gateRefused: () => {}, mqttReceived: () => {} },
    topics: Object.values(deviceTopics),
    ...heardEvents().door,
    clock,
    log,
  });
  const broker = await createMqttBroker({ log, clock: systemClock, handlers: topicGate.handlers });
  topicGate.attach(broker);

  const handlers = new Map<Endpoint, (call: unknown) => Promise<unknown>>();
  const gate: EndpointGate = {
    handle: (endpoint, handler) => void handlers.set(endpoint, handler as (call: unknown) => Promise<unknown>),
  };
  const subscribers: ((subscription: unknown) => () => void)[] = [];
  const streamGate = {
    onSubscribe: (_stream: unknown, handler: unknown) => void subscribers.push(handler as (typeof subscribers)[number]),
    onPublish: () => {},
  };
  const authority = await openDeviceAuthority(await createDeviceAuthority(clock.date()));
  const devices = createDevices({
    gate,
    topicGate,
    streamGate,
    transactions,
    people: createPeople(dataKeys),
    dataKeys,
    personalData: { judge: () => undefined },
    broker,
    events: heardEvents().door.events,
    revocations,
    authority,
    publicUrl: new URL('https://localhost:8000'),
    clock,
    log,
  });
  topicGate.assertComplete();
  const { port } = await broker.listenTls({
    host: '127.0.0.1',
    port: 0,
    secureContext: aSelfSignedCertificate('localhost'),
  });

  /** As the gate does it: input and answer are checked against the contract. */
  async function call<E extends Endpoint>(
    principal: UserPrincipal,
    endpoint: E,
    input: Input = {},
  ): Promise<Answer<E>> {
    const { organisationId, userId } = principal;
    const event = endpoint.audit.kind === 'records' ? endpoint.audit.event : undefined;
    const context = {
      organisationId,
      actor: { kind: 'user', id: userId, label: null },
      address: '127.0.0.1',
      requestId: 'test',
    } as const;
    const made = {
      principal,
      params: endpoint.params?.parse(input.params ?? {}),
      query: endpoint.query?.parse(input.query ?? {}),
      body: endpoint.body?.parse(input.body ?? {}),
      read: (work: Parameters<Call<E>['read']>[0]) => transactions.read(organisationId, work),
      write: (work: Parameters<typeof transactions.audited>[2]) => {
        if (!event) throw new Error(`${endpoint.path} declares no event`);
        return transactions.audited(context, event, work);
      },
    };
    const answer = await handlers.get(endpoint)?.(made);
    if (typeof endpoint.response === 'object') (endpoint.response as z.ZodType).parse(answer);
    return answer as Answer<E>;
  }

  /** Listens to the `devices` stream. */
  function watch(principal: UserPrincipal, deviceId?: string) {
    const messages: Parameters<Subscription<never>['send']>[0][] = [];
    const subscription = {
      principal,
      filter: { deviceId },
      send: (message: (typeof messages)[number]) => messages.push(message),
    };
    const end = subscribers.map((subscribe) => subscribe(subscription));
    return {
      messages,
      end() {
        for (const each of end) each();
      },
    };
  }

  return {
    dataKeys,
    call,
    watch,
    broker,
    devices,
    transactions,
    /** Who was put into the database in clear. */
    seal: () => sealClear(database, dataKeys),
    handled: () => new Set(handlers.keys()),
    connect: (deviceId: string, token: string, options = {}) =>
      anMqttClient(port, { username: deviceId, password: token, ...options }),
    job: (name: string) => {
      const found = devices.jobs.find((job) => job.name === name);
      if (!found) throw new Error(`no job ${name}`);
      return found.run(new AbortController().signal);
    },
    async stop() {
      await broker.close();
      await devices.stop();
    },
  };
}
