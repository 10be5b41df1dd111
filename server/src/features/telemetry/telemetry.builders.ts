import { type Endpoint, type Permission, permissions, type Stream, type Topic } from '@valtronics/contract';
import type { z } from 'zod';
import { dataKeysOn } from '../../../../tests/support/data-keys.ts';
import { aDatabase, type TestDatabase } from '../../../../tests/support/database.ts';
import { type Clock, systemClock } from '../../lib/clock.ts';
import { newId } from '../../lib/ids.ts';
import { createTransactions } from '../../security/audit/transactions.ts';
import type { Transactions } from '../../security/audit/transactions.types.ts';
import type { Handler } from '../../security/gate/call.ts';
import type { PublishHandler, SubscribeHandler } from '../../security/gate/streams.ts';
import type { TopicHandler } from '../../security/gate/topics.ts';
import type { DataKeys } from '../../security/keys/data-keys.ts';
import { createMeasuredPersons, createTelemetry, type Telemetry, type TelemetryDeps } from './index.ts';

// For the tests of this folder: the feature over a real database, behind a gate that only remembers what was put into force.

export interface TelemetryUnderTest extends Telemetry {
  readonly database: TestDatabase;
  readonly transactions: Transactions;
  readonly topics: ReadonlyMap<string, TopicHandler>;
  /** Calls an endpoint as a member of an organisation, parsing query and answer as the gate does. */
  get(
    endpoint: Endpoint,
    organisationId: number,
    query: Record<string, string>,
    holds?: readonly Permission[],
  ): Promise<Record<string, unknown>>;
  subscribe(
    organisationId: number,
    filter: { deviceId?: string; metric?: string },
    holds?: readonly Permission[],
  ): LiveReader;
  publish: PublishHandler<Stream>;
}

interface LiveReader {
  readonly messages: { readonly message: Readonly<Record<string, unknown>>; readonly key: string | undefined }[];
  end(): void;
}

const keysOf = new WeakMap<TestDatabase, Promise<DataKeys>>();

/** The same for all that work on a database, as it is on one host. */
export function dataKeysFor(database: TestDatabase): Promise<DataKeys> {
  const keys = keysOf.get(database) ?? dataKeysOn(database);
  keysOf.set(database, keys);
  return keys;
}

export const quiet = { info() {}, warn() {}, error() {} };

export async function aTelemetry(
  options: Partial<TelemetryDeps> & { database?: TestDatabase } = {},
): Promise<TelemetryUnderTest> {
  const database = options.database ?? (await aDatabase());
  const transactions = options.transactions ?? createTransactions(database);
  const clock: Clock = options.clock ?? systemClock;
  const handlers = new Map<Endpoint, Handler<Endpoint>>();
  const topics = new Map<string, TopicHandler>();
  let subscribeHandler: SubscribeHandler<Stream> | undefined;
  let publishHandler: PublishHandler<Stream> | undefined;
  const telemetry = createTelemetry({
    ingestConnection: database.connection('ingest'),
    log: quiet,
    isWritable: () => true,
    personalData: { policyOf: async () => 'warn', report() {} },
    consumers: [],
    persons: createMeasuredPersons({ transactions, clock }),
    settlers: [],
    dataKeys: options.dataKeys ?? (await dataKeysFor(database)),
    ...options,
    transactions,
    clock,
    gate: {
      handle: (endpoint, handler) => {
        handlers.set(endpoint, handler as unknown as Handler<Endpoint>);
      },
    },
    topicGate: {
      onTopic: (topic: Topic, handler) => {
        topics.set(topic.pattern, handler);
      },
    },
    streamGate: {
      onSubscribe: (_stream, handler) => {
        subscribeHandler = handler as unknown as SubscribeHandler<Stream>;
      },
      onPublish: (_stream, handler) => {
        publishHandler = handler as unknown as PublishHandler<Stream>;
      },
    },
  });
  return {
    ...telemetry,
    database,
    transactions,
    topics,
    async get(endpoint, organisationId, query, holds = permissions) {
      const handler = handlers.get(endpoint);
      if (!handler) throw new Error(`${endpoint.path} is not handled`);
      const call = {
        query: endpoint.query?.parse(query),
        principal: { permissions: new Set(holds) },
        read: <T>(work: Parameters<typeof transactions.read<T>>[1]) => transactions.read(organisationId, work),
      };
      const answer = await handler(call as unknown as Parameters<Handler<Endpoint>>[0]);
      return (endpoint.response as z.ZodType<Record<string, unknown>>).parse(answer);
    },
    subscribe(organisationId, filter, holds = permissions) {
      const messages: LiveReader['messages'] = [];
      const end = subscribeHandler?.({
        principal: { kind: 'user', organisationId, permissions: new Set(holds) },
        filter,
        send: (message: Record<string, unknown>, key?: string) => messages.push({ message, key }),
      } as unknown as Parameters<SubscribeHandler<Stream>>[0]);
      return { messages, end: () => end?.() };
    },
    publish: (message) => {
      if (!publishHandler) throw new Error('publishing is not handled');
      return publishHandler(message);
    },
  };
}

export async function anOrganisation(database: TestDatabase, retentionDays = 365): Promise<number> {
  const { rows } = await database.admin.query<{ id: number }>(
    'insert into organisations (public_id, name, retention_days) values ($1, $2, $3) returning id',
    [newId(), 'Clinic', retentionDays],
  );
  return rows[0]?.id ?? 0;
}

export interface TestDevice {
  readonly kind: 'device';
  readonly deviceId: string;
  readonly organisationId: number;
}

export async function aDevice(database: TestDatabase, organisationId: number, health = false): Promise<TestDevice> {
  const deviceId = newId();
  await database.admin.query(
    "insert into devices (id, organisation_id, name, type, health) values ($1, $2, 'Sensor', 'temperature', $3)",
    [deviceId, organisationId, health],
  );
  return { kind: 'device', deviceId, organisationId };
}

/** Waits for what happens after the commit; fails loudly rather than for ever. */
export async function eventually(check: () => boolean | Promise<boolean>, what: string): Promise<void> {
  const until = Date.now() + 25_000;
  while (!(await check())) {
    if (Date.now() > until) throw new Error(`it never came to: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
