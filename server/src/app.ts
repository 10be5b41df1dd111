import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { backupCommandRunner } from './backup-process.ts';
import { createHostCommands, type HostCommands } from './control/host-commands.ts';
import { createAccess } from './features/access/index.ts';
import { createAlerts } from './features/alerts/index.ts';
import { createAuditLog } from './features/audit-log/index.ts';
import { createBackups } from './features/backups/index.ts';
import { createBlocks } from './features/blocks/index.ts';
import { createDevices } from './features/devices/index.ts';
import type { FirstStart } from './features/identity/first-start.ts';
import { createIdentity } from './features/identity/index.ts';
import { createIncidents } from './features/incidents/index.ts';
import { createKeys } from './features/keys/index.ts';
import { createOperations } from './features/operations/index.ts';
import { createSecurityEventsFeature } from './features/security-events/index.ts';
import { createSiemDestinations } from './features/siem-destinations/index.ts';
import { createSignInProviders } from './features/sign-in-providers/index.ts';
import { createSubjects } from './features/subjects/index.ts';
import { createMeasuredPersons, createRecordedHistory, createTelemetry } from './features/telemetry/index.ts';
import { type Clock, systemClock } from './lib/clock.ts';
import { openDoors } from './open-doors.ts';
import { logToSend } from './open-log-sender.ts';
import type { Addresses } from './open-ports.ts';
import { openSecurity } from './open-security.ts';
import type { Config } from './platform/config/config.ts';
import { openNotices } from './platform/db/notices.ts';
import { loadWebFiles } from './platform/http/web-files.ts';
import { createScheduler } from './platform/jobs/scheduler.ts';
import type { Logger } from './platform/log/log.ts';
import { createMailer } from './platform/mail/mailer.ts';
import { createMetrics } from './platform/metrics/metrics.ts';
import { createOutbound } from './platform/outbound/outbound.ts';
import { createOutboundTls } from './platform/outbound/outbound-tls.ts';
import { createPeople } from './security/access/people.ts';
import { createServerTls } from './security/crypto/certificates/server-tls.ts';
import { createKeyRing, type KeyRing } from './security/crypto/key-ring.ts';
import type { RootKey } from './security/crypto/root-key.ts';
import { unlockRootKey } from './security/crypto/unlock-root-key.ts';
import { webFallback } from './security/gate/web-fallback.ts';
import { type DatabasePlace, type RunningDatabase, startDatabase } from './start-database.ts';

export interface App {
  /** Opens the ports; from here on the world can reach us. */
  listen(): Promise<Addresses>;
  stop(): Promise<void>;
  readonly identity: { readonly firstStart: FirstStart };
  readonly devices: ReturnType<typeof createDevices>;
  readonly telemetry: ReturnType<typeof createTelemetry>;
  /** What the `valtronics` command may have done, through the control socket or without a server. */
  readonly hostCommands: HostCommands;
  readonly caFile: string | undefined;
}

export interface AppOptions {
  readonly config: Config;
  readonly log: Logger;
  readonly clock?: Clock;
  readonly webFolder?: string;
  /** Where the database comes from; tests bring a clone of their own. */
  readonly openDatabase?: typeof startDatabase;
  /** For tests: every answer is checked against its schema. */
  readonly checkAnswers?: boolean;
}

const WEB_FOLDER = fileURLToPath(new URL('../../web/dist', import.meta.url));

/** Opens the database and wires everything to it; a fault in the wiring leaves no database behind. */
export async function createApp(options: AppOptions): Promise<App> {
  const { config, log, openDatabase = startDatabase } = options;
  const rootKey = await unlockRootKey(config);
  const keyRing = createKeyRing(rootKey);
  const running = await openDatabase(config, keyRing, log);
  try {
    return await wire(options, { rootKey, keyRing }, running);
  } catch (error) {
    await running.stop();
    throw error;
  }
}

/** What hangs on the root key itself. */
interface HostKeys {
  readonly rootKey: RootKey;
  readonly keyRing: KeyRing;
}

function placeOf({ connectionOf }: RunningDatabase): DatabasePlace {
  const { host = '', port = 0, database = '' } = connectionOf('server');
  return { host, port, database };
}

/** The wiring: platform, then security, then one line per feature. The one picture of what depends on what. */
async function wire(options: AppOptions, keys: HostKeys, running: RunningDatabase): Promise<App> {
  const { config, log, clock = systemClock, webFolder = WEB_FOLDER, checkAnswers } = options;
  const { keyRing } = keys;
  // Platform: the outside world.
  const metrics = createMetrics({ ofProcess: true });
  const { database, space } = running;
  const notices = await openNotices(running.connectionOf('server'), database.server, log);
  const jobs = createScheduler({ log, clock, metrics });
  const mailer = createMailer(config);
  const outbound = createOutbound({ allowList: config.webhookAllowList });

  // Security: what holds for every feature.
  const security = await openSecurity({ config, running, ...keys, notices, outbound, metrics, clock, log });
  const { transactions, dataKeys, personalData, revocations, blocks, guessing } = security;
  const tls = config.tls.mode === 'off' ? undefined : await createServerTls({ config, keyRing, clock, log });
  const doors = await openDoors({ config, tls, security, metrics, clock, log, checkAnswers });
  const { gate, streamGate, topicGate, broker } = doors;

  // Features.
  const { publicUrl } = config;
  const identity = createIdentity({
    gate,
    transactions,
    passwords: security.passwords,
    accessTokens: security.accessTokens,
    signingKeys: security.signingKeys,
    keyRing,
    dataKeys,
    revocations,
    authentication: security.authentication,
    factorPolicy: security.factorPolicy,
    mailer,
    guessing,
    blocks,
    sessionTimes: config.sessionTimes,
    dpopRequired: config.dpopRequired,
    publicUrl,
    clock,
    log,
  });
  const signInProviders = createSignInProviders({
    gate,
    transactions,
    accounts: identity.vouchedAccounts,
    guessing,
    dataKeys,
    outbound,
    revocations,
    publicUrl,
    clock,
    log,
  });
  const people = createPeople(dataKeys);
  const persons = createMeasuredPersons({ transactions, clock });
  const gates = { gate, topicGate, streamGate };
  const shared = { ...gates, transactions, dataKeys, people, persons, publicUrl, metrics, clock, log };
  const devices = createDevices({
    ...shared,
    personalData,
    broker,
    events: security.events,
    revocations,
    authority: security.deviceAuthority,
  });
  const subjects = createSubjects({ ...shared, devices: devices.service, dataKeys, erasures: security.erasures });
  const alerts = createAlerts({
    ...shared,
    mailer,
    outbound,
    personalData,
    history: createRecordedHistory({ dataKeys, persons, clock }),
    random: Math.random,
  });
  const telemetry = createTelemetry({
    ...shared,
    ingestConnection: running.connectionOf('ingest'),
    consumers: [alerts.rulesConsumer],
    settlers: [alerts.settleMeasured],
    isWritable: () => space.writable(),
    personalData,
    metrics,
  });
  // MQTT tells the devices feature itself; here are the other two doors. What caches a device hears of its changes.
  gate.onDevice(devices.heard);
  streamGate.onDevice(devices.heard);
  devices.onChanged(alerts.invalidateDevice);
  devices.onChanged(telemetry.invalidateDevice);
  telemetry.onMarkedHealth(alerts.invalidateDevice);
  const { mailbox } = identity;
  const access = createAccess({
    gate,
    transactions,
    people,
    mailbox,
    revocations,
    factorPolicy: security.factorPolicy,
    takesCertificates: config.keyPort !== undefined,
    clock,
  });
  const incidents = createIncidents({
    gate,
    transactions,
    people,
    board: alerts.board,
    events: security.events,
    clock,
  });
  const securityEvents = createSecurityEventsFeature({
    ...shared,
    notices,
    scenarios: security.detection.scenarios,
    keptDays: config.securityEventDays,
  });
  security.detection.answerWith(security.decisions.follow);
  security.detection.answerWith(incidents.answer);
  createAuditLog({ gate, verifier: security.auditProofs.verifier });
  const siem = createSiemDestinations({
    ...shared,
    notices,
    dataKeys,
    outbound,
    outboundTls: createOutboundTls({ allowList: config.webhookAllowList }),
    lockConnection: running.connectionOf('server'),
    spoolFolder: join(config.dataDir, 'spool', 'siem'),
    places: { ownFolder: join(config.dataDir, 'siem'), allowedFolders: config.siemFolders },
    random: Math.random,
  });
  createBlocks({ gate, transactions, people, blocks, allowList: security.allowList, settings: config, clock });
  const backups = createBackups({
    ...shared,
    settings: config.backups,
    lockConnection: running.connectionOf('maintenance'),
    events: security.events,
    run: backupCommandRunner(config.dataDir),
    isEmbedded: running.isEmbedded,
    wal: logToSend({ config, running, keyRing, dataKeys, transactions, clock }),
  });
  createKeys({ gate, config, ...security.keys });
  createOperations({
    gate,
    metrics,
    readiness: { database: () => database.isReachable(), disk: async () => space.writable() },
  });
  gate.serveFallback(webFallback(loadWebFiles(webFolder)));

  gate.assertComplete();
  streamGate.assertComplete();
  topicGate.assertComplete();
  for (const job of [
    ...security.jobs,
    ...identity.jobs,
    ...signInProviders.jobs,
    ...access.jobs,
    ...devices.jobs,
    ...alerts.jobs,
    ...incidents.jobs,
    ...securityEvents.jobs,
    ...telemetry.jobs,
    ...backups.jobs,
  ])
    jobs.add(job);

  return {
    identity,
    devices,
    telemetry,
    hostCommands: createHostCommands({
      transactions,
      firstStart: identity.firstStart,
      devices,
      blocks,
      keyRotation: security.keyRotation,
      dataKeyRotation: security.dataKeyRotation,
      subjectKeys: { ...security.keyStore, eraseSubject: subjects.erase },
      databasePlace: placeOf(running),
      events: security.events,
    }),
    caFile: tls?.caFile,

    async listen() {
      telemetry.start();
      alerts.start();
      siem.start();
      jobs.start();
      security.start();
      return doors.listen();
    },

    /** First no new work, then what was taken is made durable and acknowledged, then the database. */
    async stop() {
      await jobs.stop();
      await backups.stop();
      await doors.endStreams();
      const closing = doors.close();
      await telemetry.drain();
      await closing;
      await alerts.stop();
      await siem.stop();
      await devices.stop();
      tls?.stop();
      await security.stop();
      await notices.close();
      await running.stop();
    },
  };
}
