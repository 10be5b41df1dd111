import { join } from 'node:path';
import { type Clock, systemClock } from './lib/clock.ts';
import { openSessionCache } from './open-session-cache.ts';
import type { Config } from './platform/config/config.ts';
import { advisoryLocks } from './platform/db/advisory-locks.ts';
import { createLeadership } from './platform/db/leadership.ts';
import type { Notices } from './platform/db/notices.ts';
import type { Logger } from './platform/log/log.ts';
import type { Metrics } from './platform/metrics/metrics.ts';
import type { Outbound } from './platform/outbound/outbound.ts';
import { createApiKeys } from './security/access/api-keys.ts';
import { createAuthentication } from './security/access/authentication.ts';
import { loadDeviceAuthority } from './security/access/device-authority-store.ts';
import { createDeviceCredentials } from './security/access/device-credentials.ts';
import { createDpopProofs } from './security/access/dpop.ts';
import { createRevocations } from './security/access/revocations.ts';
import { sessionChangesJob } from './security/access/session-changes.job.ts';
import { createSessionLookUp } from './security/access/session-look-up.ts';
import { createSigningKeyRotation } from './security/access/signing-key-rotation.ts';
import { openSigningKeys } from './security/access/signing-key-store.ts';
import type { AuditEntry } from './security/audit/audit-event.ts';
import { loadAuditKey } from './security/audit/audit-key.ts';
import { openAuditProofs } from './security/audit/audit-proofs.ts';
import { createReadings } from './security/audit/readings.ts';
import { createTransactions } from './security/audit/transactions.ts';
import { createAccessTokens } from './security/crypto/access-tokens.ts';
import { createBreachedPasswords } from './security/crypto/breached-passwords.ts';
import type { KeyRing } from './security/crypto/key-ring.ts';
import { createPasswords } from './security/crypto/passwords.ts';
import type { RootKey } from './security/crypto/root-key.ts';
import { createClockWatch } from './security/detection/clock-watch.ts';
import { createDetector } from './security/detection/detector.ts';
import { createErasures } from './security/erasures/erasures.ts';
import { reportOfAudit } from './security/events/audit-reports.ts';
import { createEventFile } from './security/events/event-file.ts';
import { appendSecurityEvents } from './security/events/security-event.repository.ts';
import { createSecurityEvents } from './security/events/security-events.ts';
import { createPlaces } from './security/gate/places.ts';
import { createUnparsedReports } from './security/gate/unparsed-reports.ts';
import { openCoreRules } from './security/inspection/core-rules/core-rules.ts';
import { sealClearValues } from './security/keys/clear-values.ts';
import { damagedValues } from './security/keys/damaged-values.ts';
import { createDataKeyRotation } from './security/keys/data-key-rotation.ts';
import { createKeyCensus } from './security/keys/key-census.ts';
import { createKeyStoreCopies } from './security/keys/key-store-copies.ts';
import { keyStoreFileOf, openDataKeys } from './security/keys/open-data-keys.ts';
import { createResealing } from './security/keys/resealing.ts';
import { createPersonalData } from './security/personal-data/personal-data.ts';
import { openAllowList } from './security/shield/allow-list.ts';
import { openBlocks } from './security/shield/blocks.ts';
import { createDecisions } from './security/shield/decisions.ts';
import { openFirewall } from './security/shield/firewall.ts';
import { createGuessing } from './security/shield/guessing.ts';
import { createLimiter } from './security/shield/limiter.ts';
import { createRefusedTokens } from './security/shield/refused-tokens.ts';
import { shieldJobs } from './security/shield/shield.jobs.ts';
import type { RunningDatabase } from './start-database.ts';

const MAX_LIMITER_KEYS = 200_000;

/** The part of the wiring that holds for every feature and needs no door: who is who, what is kept out, what tokens are good for. */
export async function openSecurity(deps: {
  config: Config;
  running: Pick<RunningDatabase, 'database' | 'connectionOf'>;
  rootKey: RootKey;
  keyRing: KeyRing;
  notices: Notices;
  outbound: Outbound;
  metrics: Metrics;
  clock: Clock;
  log: Logger;
}) {
  const { config, running, rootKey, keyRing, notices, outbound, metrics, clock, log } = deps;
  const sessionCache = openSessionCache({ config, running, keyRing, metrics, log });
  const events = createSecurityEvents({
    store: async (batch) => {
      await transactions.unaudited(null, 'security_events', (tx) => appendSecurityEvents(tx, batch));
      // Who tails the table looks by itself too; this is why it need not wait.
      await notices.publish('security_events', {}).catch(() => undefined);
    },
    file: createEventFile(join(config.dataDir, 'logs', 'security.jsonl')),
    clock,
    log,
  });
  const told = {
    sessionsChanged: sessionCache.changed,
    onAppended(entry: AuditEntry) {
      const report = reportOfAudit(entry);
      if (report) events.report(report);
    },
  };
  const transactions = createTransactions(running.database, told);
  const inner = createTransactions({ ...running.database, server: running.database.inner }, told);
  const { dataDir } = config;
  const keys = await openDataKeys({
    transactions: inner,
    rootKey,
    keyRing,
    dataDir,
    clock,
    onDamaged: damagedValues(events, clock),
  });
  // Before anything else is made: with another root key this ends the start. A new database has its first epoch from here on.
  await keys.epochs.active();
  const { dataKeys, epochs, keyStores } = keys;
  const auditKey = () => loadAuditKey({ transactions, dataKeys, host: config.publicUrl.host });
  const erasures = createErasures({ transactions, dataKeys, keyStores, auditKey, clock, log });
  // Before the filling: nothing can be sealed for whoever was erased. A key store that is missing harms nothing else, so it ends no start.
  await erasures.replay().catch((error: unknown) => log.error({ err: error }, 'erasures were not brought up to date'));
  await sealClearValues({ transactions, dataKeys, log });
  const resealing = createResealing({ transactions, epochs, dataKeys });
  const dataKeyRotation = createDataKeyRotation({
    epochs,
    keyStores,
    resealing,
    leadership: createLeadership(running.connectionOf('maintenance'), advisoryLocks.keyRotation),
    log,
  });
  const copies = createKeyStoreCopies({ transactions, keyStores, settings: config.keyStoreCopies, clock });
  const keyStoreFile = keyStoreFileOf(dataDir);
  const rotation = dataKeyRotation;
  const keyCensus = createKeyCensus({ resealing, rotation, keyStores, keyStoreFile, copies, clock, log });
  const detection = createDetector({
    transactions,
    leadership: createLeadership(running.connectionOf('maintenance'), advisoryLocks.detection),
    notices,
    announce: events.put,
    clock,
    log,
  });
  const auditProofs = await openAuditProofs({
    transactions,
    dataKeys,
    events,
    host: config.publicUrl.host,
    ...config.audit,
    log,
  });
  const limiter = createLimiter({ clock, maxKeys: MAX_LIMITER_KEYS });
  const revocations = createRevocations(notices);
  const { algorithm, everyDays } = config.signingKeys;
  const accessTokenSeconds = config.accessTokenMinutes * 60;
  const signingKeys = await openSigningKeys({ transactions, dataKeys, notices, algorithm, clock, log });
  const keyRotation = createSigningKeyRotation({
    transactions,
    dataKeys,
    store: signingKeys,
    algorithm,
    everyDays,
    accessTokenSeconds,
    clock,
  });
  const accessTokens = createAccessTokens({
    keys: signingKeys,
    issuer: config.publicUrl.origin,
    audience: config.publicUrl.origin,
    clock,
    ttlSeconds: accessTokenSeconds,
  });
  const exempt = [config.trustedProxies, config.allowList];
  const allowList = await openAllowList({ transactions, notices, settings: exempt, log });
  const blocks = await openBlocks({ transactions, notices, allowList, clock, log });
  const { firewallSocket } = config;
  const firewall =
    firewallSocket === undefined ? undefined : openFirewall({ path: firewallSocket, blocks, clock, log });
  const decisions = createDecisions({ transactions, blocks, allowList, clock, log });
  const guessing = createGuessing({ transactions, keyRing, blocks, clock, log });
  const refusedTokens = createRefusedTokens({ transactions, clock });
  const deviceAuthority = await loadDeviceAuthority({ transactions, dataKeys, clock });
  const deviceCredentials = createDeviceCredentials({ transactions, revocations, clock });
  const factorPolicy = { secondFactorRoles: config.mfaRequiredRoles, passkeyRoles: config.passkeyRequiredRoles };
  const dpopProofs = createDpopProofs({ transactions, clock });
  const authentication = createAuthentication({
    transactions,
    sessions: createSessionLookUp({ transactions, dataKeys, cache: sessionCache.cache, metrics, clock }),
    accessTokens,
    deviceCredentials,
    apiKeys: createApiKeys({ transactions, clock }),
    factorPolicy,
    sessionIdleMs: config.sessionTimes.idleMs,
    refusedTokens,
    dpopProofs,
    dpopRequired: config.dpopRequired,
    clock,
  });
  const { breachedPasswordsUrl } = config;
  const passwords = createPasswords({
    host: config.publicUrl.hostname,
    breached:
      breachedPasswordsUrl === undefined
        ? undefined
        : createBreachedPasswords({ url: breachedPasswordsUrl, outbound, clock, log }),
  });
  const secondEngine = config.secondEngine ? openCoreRules({ clock, log, metrics }) : undefined;
  const places = createPlaces({ transactions, notices, events, clock, log });
  const clockWatch = createClockWatch({ events, clock: systemClock });
  return {
    passwords,
    secondEngine,
    personalData: createPersonalData({ transactions, events, clock }),
    events,
    detection,
    places,
    unparsed: createUnparsedReports({ events, trustedProxies: config.trustedProxies }),
    transactions,
    dataKeys,
    revocations,
    limiter,
    allowList,
    blocks,
    decisions,
    guessing,
    refusedTokens,
    authentication,
    deviceCredentials,
    deviceAuthority,
    factorPolicy,
    accessTokens,
    signingKeys,
    keyRotation,
    dataKeyRotation,
    keys: { epochs, census: keyCensus, rotation },
    keyStore: { keyStores, copies, epochs, erasures },
    erasures,
    jobs: [
      ...auditProofs.jobs,
      ...shieldJobs({ transactions, clock }),
      keyRotation.job,
      erasures.job,
      copies.job,
      dpopProofs.job,
      places.job,
      sessionChangesJob(transactions),
    ],
    auditProofs,
    /** From here on it is looked at what happens. */
    start() {
      detection.start();
      clockWatch.start();
    },
    recordReading: createReadings({ transactions, clock }),
    async stop() {
      clockWatch.stop();
      await dataKeyRotation.stop();
      await keyCensus.stop();
      await secondEngine?.stop();
      await places.stop();
      // Detection may still have something to say.
      await detection.stop();
      firewall?.stop();
      blocks.close();
      // Nothing is appended any more: what was is signed before the database goes.
      await auditProofs
        .signNow()
        .catch((error: unknown) => log.error({ err: error }, 'the last checkpoint was not signed'));
      await events.stop();
      await sessionCache.stop();
      await keyStores.close();
    },
  };
}
