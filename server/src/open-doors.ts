import type { Clock } from './lib/clock.ts';
import { type Addresses, openPorts } from './open-ports.ts';
import type { openSecurity } from './open-security.ts';
import type { Config } from './platform/config/config.ts';
import { createHttpServer } from './platform/http/http-server.ts';
import { createLiveServer } from './platform/live/live-server.ts';
import type { Logger } from './platform/log/log.ts';
import type { Metrics } from './platform/metrics/metrics.ts';
import { createMqttBroker } from './platform/mqtt/broker.ts';
import type { ServerTls } from './security/crypto/certificates/server-tls.ts';
import { createCertificateDoors, tlsForDevices } from './security/gate/certificate-doors.ts';
import { createHttpGate } from './security/gate/http-gate.ts';
import { createStreamGate } from './security/gate/stream-gate.ts';
import { createTopicGate } from './security/gate/topic-gate.ts';
import { addressKey, clientAddress } from './security/shield/client-address.ts';
import { apiHeaders, strictTransport } from './security/shield/headers.ts';

const MAX_HTTP_CONNECTIONS = 20_000;

/** The three transports and the gate at each of them: everything the world can reach. */
export async function openDoors(deps: {
  config: Config;
  tls: ServerTls | undefined;
  security: Awaited<ReturnType<typeof openSecurity>>;
  metrics: Metrics;
  clock: Clock;
  log: Logger;
  checkAnswers: boolean | undefined;
}) {
  const { config, tls, security, metrics, clock, log, checkAnswers } = deps;
  const { transactions, revocations, limiter, blocks, guessing, authentication, events, places, unparsed } = security;
  const refusalHeaders = { ...apiHeaders(), ...strictTransport(config.publicUrl) };
  const http = createHttpServer({
    tls,
    maxConnections: MAX_HTTP_CONNECTIONS,
    refusalHeaders,
    onUnparsed: unparsed.report,
  });
  const addressOf = (socketAddress: string | undefined, forwardedFor: string | readonly string[] | undefined) =>
    clientAddress(socketAddress, forwardedFor, config.trustedProxies);
  const live = createLiveServer({
    path: '/api/v1/live',
    log,
    metrics,
    addressOf: (request) => {
      const address = addressOf(request.socket.remoteAddress, request.headers['x-forwarded-for']);
      return { address, key: addressKey(address) };
    },
    refusalHeaders,
  });
  live.attach(http.server);
  const authority = security.deviceAuthority;
  const deviceTls = tls && tlsForDevices(tls, authority);
  const ports = { devices: config.devicePort, keys: config.keyPort };
  const forDoors = { http, tls: deviceTls, ports, maxConnections: MAX_HTTP_CONNECTIONS, limiter, metrics, log };
  const certificates = createCertificateDoors(forDoors);
  const publicOrigin = config.publicUrl.origin;
  const gate = createHttpGate({
    app: http.app,
    transactions,
    recordReading: security.recordReading,
    authentication,
    limiter,
    blocks,
    guessing,
    events,
    unparsed,
    places,
    clock,
    publicOrigin,
    trustedProxies: config.trustedProxies,
    certificateOf: certificates.certificateOf,
    dpopRequired: config.dpopRequired,
    metricsToken: config.metricsToken,
    ingestRate: config.ingestRate,
    secondEngine: security.secondEngine,
    personalData: security.personalData,
    sessionCookieSeconds: config.sessionTimes.absoluteMs / 1_000,
    log,
    metrics,
    ...(checkAnswers === undefined ? {} : { checkAnswers }),
  });
  const streamGate = createStreamGate({
    live,
    recordReading: security.recordReading,
    authentication,
    revocations,
    limiter,
    blocks,
    events,
    places,
    ingestRate: config.ingestRate,
    publicOrigin,
    log,
    clock,
    metrics,
  });
  const topicGate = createTopicGate({
    credentials: security.deviceCredentials,
    refusedTokens: security.refusedTokens,
    revocations,
    blocks,
    limiter,
    events,
    places,
    ingestRate: config.ingestRate,
    log,
    clock,
    metrics,
  });
  const broker = await createMqttBroker({ log, clock, handlers: topicGate.handlers });
  topicGate.attach(broker);
  metrics.watch('mqttConnections', () => broker.counts().connections);

  return {
    gate,
    streamGate,
    topicGate,
    broker,
    listen: (): Promise<Addresses> => openPorts({ config, http, doors: certificates, broker, deviceTls }),
    /** Nobody may subscribe or publish any more; what came in already is still let through. */
    async endStreams(): Promise<void> {
      await live.close();
      // Messages that only wait for their turn are let through, or the broker would wait for them.
      topicGate.close();
    },
    async close(): Promise<void> {
      await Promise.all([http.close(), certificates.close(), broker.close()]);
    },
  };
}
