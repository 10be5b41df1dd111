import type { ProblemCode } from '@valtronics/contract';
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import { createRequestTimes } from './request-times.ts';

export type Transport = 'http' | 'mqtt' | 'live';
/** What somebody holds the number of; asked only when a scrape comes. */
export type Gauged =
  | 'ingestQueuedPoints'
  | 'mqttConnections'
  | 'liveConnections'
  | 'liveSubscriptions'
  | 'redisConnected'
  | 'backupAgeSeconds'
  | 'backupsOverdue'
  | 'logWaitingBytes';

/** What came of asking the second engine of inspection; but for the first two, the first one decided alone. */
export type SecondOpinion = 'clean' | 'found' | 'late' | 'busy' | 'away' | 'too_much';

export interface SiemLag {
  /** Its id, of which administrators make a bounded number. */
  readonly destination: string;
  readonly events: number;
  readonly seconds: number;
}

/**
 * What the platform counts. Everything here is cheap enough for the hottest path: telemetry and live counters are plain additions that
 * a scrape picks up. Every label is one of a declared set (routes, problem codes, job names), so a stranger cannot make it grow.
 */
export interface Metrics {
  /** `route` is the declared pattern, never the address that was asked for. */
  httpAnswered(route: string, status: number, seconds: number): void;
  gateRefused(transport: Transport, reason: ProblemCode): void;
  ingestAccepted(points: number): void;
  ingestDuplicates(points: number): void;
  ingestRejected(points: number): void;
  /** One group commit. */
  ingestCommitted(seconds: number): void;
  mqttReceived(messages: number): void;
  liveSent(messages: number): void;
  /** Messages left out because the reader was slow. */
  liveSkipped(messages: number): void;
  liveClosed(code: number): void;
  /** The session of a request, or of a connection that opens. */
  sessionLookedUp(where: 'redis' | 'database'): void;
  /** An entry in Redis that did not open: nobody who holds our keys put it there. */
  sessionEntryRefused(): void;
  secondEngineAsked(opinion: SecondOpinion): void;
  jobRan(name: string, outcome: 'done' | 'failed', seconds: number): void;
  watch(what: Gauged, read: () => number): void;
  /** How far the destinations of security events that this server delivers to lag behind; asked only when a scrape comes. */
  siemLag(read: () => readonly SiemLag[]): void;
  /** The answer to a scrape. */
  render(): Promise<{ readonly contentType: string; readonly body: string }>;
}

const gaugeNames: Readonly<Record<Gauged, readonly [name: string, help: string]>> = {
  ingestQueuedPoints: ['valtronics_ingest_queued_points', 'Points that wait for their commit'],
  mqttConnections: ['valtronics_mqtt_connections', 'Connected MQTT clients'],
  liveConnections: ['valtronics_live_connections', 'Open WebSocket connections'],
  liveSubscriptions: ['valtronics_live_subscriptions', 'Live subscriptions'],
  backupAgeSeconds: ['valtronics_backup_age_seconds', 'Since the newest backup was begun; -1 without one'],
  logWaitingBytes: [
    'valtronics_log_waiting_bytes',
    'Of the database’s log, finished and not yet sent beside the backups',
  ],
  backupsOverdue: ['valtronics_backups_overdue', '1 while a backup or a drill is later than it may be, else 0'],
  redisConnected: ['valtronics_redis_connected', '1 while Redis is connected, else (and without one) 0'],
};

const HTTP_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5];
const COMMIT_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5];
// The close codes of the protocol and of the contract; a peer may invent any other.
const CLOSE_CODES: ReadonlySet<number> = new Set([1000, 1001, 1002, 1003, 1006, 1007, 1009, 1011, 1012, 1013]);
const isKnownCloseCode = (code: number): boolean => CLOSE_CODES.has(code) || (code >= 4400 && code < 4430);

export interface MetricsOptions {
  /** Also memory, processor time, event loop delay and garbage collection of this process. */
  readonly ofProcess: boolean;
}

export function createMetrics({ ofProcess }: MetricsOptions = { ofProcess: false }): Metrics {
  const registry = new Registry();
  const registers = [registry];
  if (ofProcess) collectDefaultMetrics({ register: registry });

  const plainCounter = (name: string, help: string): ((by: number) => void) => {
    let total = 0;
    const counter = new Counter({
      name,
      help,
      registers,
      collect() {
        counter.reset();
        counter.inc(total);
      },
    });
    return (by) => {
      total += by;
    };
  };

  const requestTimes = createRequestTimes(
    'valtronics_http_request_seconds',
    'Time from the request`s head until its answer is ready to be sent',
    HTTP_SECONDS,
  );
  registry.registerMetric(requestTimes.metric);
  const refusals = new Counter({
    name: 'valtronics_gate_refusals_total',
    help: 'What the gate turned away',
    labelNames: ['transport', 'reason'],
    registers,
  });
  const commitSeconds = new Histogram({
    name: 'valtronics_ingest_commit_seconds',
    help: 'Duration of a group commit',
    buckets: COMMIT_SECONDS,
    registers,
  });
  const closes = new Counter({
    name: 'valtronics_live_closes_total',
    help: 'Ended WebSocket connections by close code',
    labelNames: ['code'],
    registers,
  });
  const lookUps = new Counter({
    name: 'valtronics_session_lookups_total',
    help: 'Sessions looked up, by what answered',
    labelNames: ['source'],
    registers,
  });
  const fromRedis = lookUps.labels('redis');
  const fromDatabase = lookUps.labels('database');
  for (const source of [fromRedis, fromDatabase]) source.inc(0);
  const entryRefused = plainCounter('valtronics_session_entries_refused_total', 'Entries in Redis that did not open');
  const secondOpinions = new Counter({
    name: 'valtronics_second_inspections_total',
    help: 'Requests that the second engine of inspection was to look at, by what came of it',
    labelNames: ['outcome'],
    registers,
  });
  const jobRuns = new Counter({
    name: 'valtronics_job_runs_total',
    help: 'Runs of background jobs',
    labelNames: ['job', 'outcome'],
    registers,
  });
  const jobSeconds = new Gauge({
    name: 'valtronics_job_last_run_seconds',
    help: 'Duration of the last run',
    labelNames: ['job'],
    registers,
  });
  let readSiemLag: () => readonly SiemLag[] = () => [];
  for (const [name, help, field] of [
    ['valtronics_siem_events_behind', 'Security events a destination has not been handed yet', 'events'],
    ['valtronics_siem_seconds_behind', 'Age of the oldest of them', 'seconds'],
  ] as const) {
    const gauge: Gauge<'destination'> = new Gauge({
      name,
      help,
      labelNames: ['destination'],
      registers,
      collect() {
        gauge.reset();
        for (const lag of readSiemLag()) gauge.labels(lag.destination).set(lag[field]);
      },
    });
  }
  const watched = new Map<Gauged, () => number>();
  for (const what of Object.keys(gaugeNames) as Gauged[]) {
    const [name, help] = gaugeNames[what];
    const gauge: Gauge = new Gauge({
      name,
      help,
      registers,
      collect() {
        gauge.set(watched.get(what)?.() ?? 0);
      },
    });
  }

  return {
    httpAnswered: requestTimes.observe,
    gateRefused: (transport, reason) => refusals.labels(transport, reason).inc(),
    ingestAccepted: plainCounter('valtronics_ingest_points_total', 'Points stored'),
    ingestDuplicates: plainCounter('valtronics_ingest_duplicates_total', 'Points that were already stored'),
    ingestRejected: plainCounter('valtronics_ingest_rejections_total', 'Points refused one by one'),
    ingestCommitted: (seconds) => commitSeconds.observe(seconds),
    mqttReceived: plainCounter('valtronics_mqtt_messages_total', 'MQTT messages received'),
    liveSent: plainCounter('valtronics_live_messages_total', 'Live messages sent'),
    liveSkipped: plainCounter('valtronics_live_skipped_total', 'Live messages left out for slow readers'),
    liveClosed: (code) => closes.labels(isKnownCloseCode(code) ? String(code) : 'other').inc(),
    sessionLookedUp: (where) => (where === 'redis' ? fromRedis : fromDatabase).inc(),
    sessionEntryRefused: () => entryRefused(1),
    secondEngineAsked: (opinion) => secondOpinions.labels(opinion).inc(),
    jobRan(name, outcome, seconds) {
      jobRuns.labels(name, outcome).inc();
      jobSeconds.labels(name).set(seconds);
    },
    watch(what, read) {
      watched.set(what, read);
    },
    siemLag(read) {
      readSiemLag = read;
    },
    async render() {
      return { contentType: registry.contentType, body: await registry.metrics() };
    },
  };
}
