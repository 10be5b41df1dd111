// Telemetry: measurements are taken in and stored, followed by what depends on them, shown live, read back, and removed in time.
import type { ClientConfig } from 'pg';
import type { Clock } from '../../lib/clock.ts';
import type { Job } from '../../platform/jobs/scheduler.ts';
import type { UnauditedReason } from '../../security/audit/tokens.ts';
import type { Transactions } from '../../security/audit/transactions.types.ts';
import type { EndpointGate } from '../../security/gate/endpoint-gate.ts';
import type { StreamGate } from '../../security/gate/streams.ts';
import type { TopicGate } from '../../security/gate/topics.ts';
import type { PersonKeys } from '../../security/keys/person-values.ts';
import type { PersonalData } from '../../security/personal-data/personal-data.ts';
import type { CommittedFlush, JournalConsumer } from './committed.ts';
import { createHealthJobs } from './health.jobs.ts';
import { createHealthMarking } from './health-marking.ts';
import { createHealthValues } from './health-values.ts';
import { createIngestConnection } from './ingest-connection.ts';
import { createIngestThread, type FlushConnection } from './ingest-thread.ts';
import { createJournalLock } from './journal-lock.ts';
import { createJournalReader } from './journal-reader.ts';
import { createMeasuredChanges, type MeasuredSettler } from './measured-changes.ts';
import type { MeasuredPersons } from './measured-persons.ts';
import { createPersonalTexts } from './personal-texts.ts';
import { createSeriesCache } from './series-cache.ts';
import { createFlusher } from './telemetry.flusher.ts';
import { createIngest, type Ingest, type IngestLimits, type IngestMetrics } from './telemetry.ingest.ts';
import { createTelemetryJobs } from './telemetry.jobs.ts';
import { createJournalFollower, type JournalFollower } from './telemetry.journal.ts';
import { addTelemetryStreams } from './telemetry.live.ts';
import { addTelemetryTopics } from './telemetry.mqtt.ts';
import { createRollups } from './telemetry.rollups.ts';
import { addTelemetryRoutes } from './telemetry.routes.ts';

export { createMeasuredPersons } from './measured-persons.ts';
export { createRecordedHistory } from './recorded-history.ts';

interface TelemetryLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

export interface TelemetryDeps {
  readonly gate: EndpointGate;
  readonly topicGate: Pick<TopicGate, 'onTopic'>;
  readonly streamGate: StreamGate;
  readonly transactions: Transactions;
  readonly dataKeys: PersonKeys;
  readonly persons: MeasuredPersons;
  /** Seals again what else was made of measurements of somebody, as `MeasuredSettler` says. */
  readonly settlers: readonly MeasuredSettler[];
  /** As the ingest role. Sessions of its own, beside the pools. */
  readonly ingestConnection: ClientConfig;
  readonly personalData: Pick<PersonalData, 'policyOf' | 'report'>;
  readonly clock: Clock;
  readonly log: TelemetryLog;
  /** False while the disk is nearly full. */
  isWritable(): boolean;
  /** Who else must see every point exactly once: what evaluates alert rules. */
  readonly consumers: readonly JournalConsumer[];
  readonly metrics?: IngestMetrics | undefined;
  readonly tuning?: Partial<TelemetryTuning> | undefined;
}

interface TelemetryTuning extends IngestLimits {
  /** Transactions in flight at once. */
  readonly lanes: number;
  readonly maxFlushPoints: number;
  readonly rollupGatherMs: number;
  /** Short: an alert is to be seen at once. Long enough that a thousand small flushes a second are not as many transactions. */
  readonly ruleGatherMs: number;
  /** Points kept in memory for a consumer that lags. */
  readonly maxBacklogPoints: number;
}

export interface Telemetry {
  readonly submit: Ingest['submit'];
  /** Called with every flush once it is durable, in this process; what must not be missed reads the journal. */
  onCommitted(listener: (flush: CommittedFlush) => void): void;
  /** Metrics of the device are of class health now: drop what was remembered of them. */
  onMarkedHealth(listener: (deviceId: string) => void): void;
  readonly jobs: readonly Job[];
  /** Begins to work on the journal. */
  start(): void;
  /** Takes nothing more, answers what waits, applies what was committed. */
  drain(): Promise<void>;
  /** A device was deleted, or changed in what its series carry. */
  invalidateDevice(deviceId: string): void;
  figures(): TelemetryFigures;
}

interface TelemetryFigures {
  readonly waitingPoints: number;
  readonly flushes: number;
  readonly storedPoints: number;
  readonly collisions: number;
  /** Points each consumer has still to see, as far as they are in memory. */
  readonly backlog: Readonly<Record<string, number>>;
}

const TUNING: TelemetryTuning = {
  lanes: 1,
  maxFlushPoints: 20_000,
  maxWaitingPoints: 100_000,
  maxWaitingBytes: 32 * 1024 * 1024,
  patienceMs: 10_000,
  rollupGatherMs: 250,
  ruleGatherMs: 20,
  maxBacklogPoints: 250_000,
};
const DRAIN_MS = 8000;

export function createTelemetry(deps: TelemetryDeps): Telemetry {
  const { transactions, clock, log, metrics } = deps;
  const tuning = { ...TUNING, ...deps.tuning };
  const markedListeners: ((deviceId: string) => void)[] = [];
  const listeners: ((flush: CommittedFlush) => void)[] = [];
  const connections = Array.from({ length: tuning.lanes }, () => flushConnection(deps.ingestConnection));
  const health = createHealthValues(deps);
  const { persons } = deps;
  const reader = createJournalReader(transactions, health);
  const lock = createJournalLock(createIngestConnection(deps.ingestConnection));
  const followers = [follow(createRollups(health, persons), 'telemetry_effects', tuning.rollupGatherMs)];
  for (const consumer of deps.consumers) followers.push(follow(consumer, 'rule_effects', tuning.ruleGatherMs));

  const lanes = connections.map((connection) =>
    createFlusher({
      connection,
      transactions,
      health,
      persons,
      consumers: followers.map(({ name }) => name),
      metrics,
      clock,
      log,
      maxFlushPoints: tuning.maxFlushPoints,
      committed,
      released: (points) => ingest.released(points),
    }),
  );
  const series = createSeriesCache({ transactions, clock, log });
  const ingest = createIngest({
    transactions,
    series,
    lanes,
    clock,
    limits: tuning,
    metrics,
    isWritable: deps.isWritable,
  });
  metrics?.watch('ingestQueuedPoints', ingest.waiting);

  function follow(consumer: JournalConsumer, reason: UnauditedReason, gatherMs: number): JournalFollower {
    const maxWaitingPoints = tuning.maxBacklogPoints;
    return createJournalFollower({
      consumer,
      reason,
      gatherMs,
      maxWaitingPoints,
      lock,
      transactions,
      reader,
      clock,
      log,
    });
  }

  function committed(flush: CommittedFlush): void {
    for (const follower of followers) follower.committed(flush);
    for (const listener of listeners) {
      try {
        listener(flush);
      } catch (error) {
        log.error({ err: error }, 'a listener to committed points failed');
      }
    }
  }

  const marking = createHealthMarking({
    clock,
    marked({ deviceId, metric }) {
      series.markHealth(deviceId, metric);
      for (const listener of markedListeners) listener(deviceId);
    },
  });
  const submitBy = createPersonalTexts({ submit: ingest.submit, personalData: deps.personalData, clock });
  addTelemetryRoutes({ gate: deps.gate, transactions, submit: submitBy('http'), health, marking, clock });
  addTelemetryTopics(deps.topicGate, submitBy('mqtt'));
  listeners.push(addTelemetryStreams(deps.streamGate, submitBy('websocket')));

  return {
    submit: ingest.submit,
    onCommitted: (listener) => {
      listeners.push(listener);
    },
    onMarkedHealth: (listener) => {
      markedListeners.push(listener);
    },
    jobs: [
      ...createTelemetryJobs({ transactions, clock }),
      ...createHealthJobs({ transactions, health, persons, clock }),
      createMeasuredChanges({ transactions, health, settlers: deps.settlers, log }),
    ],
    start() {
      for (const follower of followers) follower.start();
    },
    async drain() {
      ingest.close();
      await Promise.all(lanes.map((lane) => lane.drain()));
      await Promise.all(followers.map((follower) => follower.stop(DRAIN_MS)));
      await Promise.all([lock.release(), ...connections.map((connection) => connection.close())]);
    },
    invalidateDevice: (deviceId) => series.forget(deviceId),
    figures: () => ({
      waitingPoints: ingest.waiting(),
      flushes: sum(lanes.map((lane) => lane.figures().flushes)),
      storedPoints: sum(lanes.map((lane) => lane.figures().points)),
      collisions: sum(lanes.map((lane) => lane.figures().collisions)),
      backlog: Object.fromEntries(followers.map((follower) => [follower.name, follower.figures().waitingPoints])),
    }),
  };
}

const flushConnection = (config: ClientConfig): FlushConnection =>
  typeof config.ssl === 'object' ? createIngestConnection(config) : createIngestThread(config);

const sum = (numbers: readonly number[]) => numbers.reduce((total, number) => total + number, 0);
