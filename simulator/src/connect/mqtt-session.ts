import mqtt from 'mqtt';
import type { CommandDesk } from './commands.ts';
import type { Session } from './connection.ts';
import { ConnectionLost, defaults, type LinkOptions, LinkRefused } from './link.ts';

interface MqttSessionOptions extends LinkOptions {
  readonly url: string;
  readonly desk: CommandDesk;
  /** What the server reports on the device's `errors` topic. */
  readonly onReport: (payload: Buffer) => void;
}

/**
 * The CONNACK return code that another try will not change: bad user name or password. "Not authorised" (5) is also what a server
 * says when somebody else has failed too often under our name, and passes.
 */
const BAD_CREDENTIALS = 4;

const codeOf = (error: Error): unknown => ('code' in error ? error.code : undefined);

/** Opens one MQTT 3.1.1 connection: will `offline`, subscriptions, status `online`. Reconnecting is not its business. */
export function openMqttSession(
  options: MqttSessionOptions,
  lost: (reason: Error) => void,
  signal: AbortSignal,
): Promise<Session> {
  const { deviceId, token, ca, desk, onReport, onProblem } = options;
  const connectTimeoutMs = options.connectTimeoutMs ?? defaults.connectTimeoutMs;
  const answerTimeoutMs = options.answerTimeoutMs ?? defaults.answerTimeoutMs;
  const base = `valtronics/devices/${deviceId}`;
  const { promise, resolve, reject } = Promise.withResolvers<Session>();
  const unanswered = new Set<(reason: Error) => void>();
  let gone = false;

  const client = mqtt.connect(options.url, {
    username: deviceId,
    password: token,
    clientId: `valtronics-simulator-${deviceId}`,
    protocolVersion: 4,
    clean: true,
    reconnectPeriod: 0,
    connectTimeout: connectTimeoutMs,
    // A server that pushes back reads our pings late as well, so silence is given time.
    keepalive: 60,
    resubscribe: false,
    will: { topic: `${base}/status`, payload: Buffer.from('offline'), qos: 1, retain: true },
    ...(ca === undefined ? {} : { ca }),
  });

  function finish(reason: Error): void {
    if (gone) return;
    gone = true;
    clearTimeout(opening);
    signal.removeEventListener('abort', abandon);
    lost(reason);
    for (const fail of unanswered) fail(reason);
    unanswered.clear();
    reject(reason);
    client.end(true);
  }
  const abandon = () => finish(new ConnectionLost('the link is closed'));
  const opening = setTimeout(
    () => finish(new ConnectionLost(`the MQTT server did not answer within ${connectTimeoutMs} ms`)),
    connectTimeoutMs,
  );
  signal.addEventListener('abort', abandon, { once: true });

  /** QoS 1, resolved by its PUBACK. Without one in time the connection is given up, and everything on it is sent again. */
  function publish(topic: string, payload: string, retain = false): Promise<void> {
    const { promise: acknowledged, resolve: done, reject: fail } = Promise.withResolvers<void>();
    if (gone) return Promise.reject(new ConnectionLost('the MQTT connection is closed'));
    const timer = setTimeout(
      () => finish(new ConnectionLost(`no acknowledgement within ${answerTimeoutMs} ms`)),
      answerTimeoutMs,
    );
    unanswered.add(fail);
    client.publish(topic, payload, { qos: 1, retain }, (error) => {
      if (error) fail(new ConnectionLost(error.message));
      else done();
    });
    return acknowledged.finally(() => {
      clearTimeout(timer);
      unanswered.delete(fail);
    });
  }

  async function greet(): Promise<void> {
    await client.subscribeAsync([`${base}/commands/#`, `${base}/errors`], { qos: 1 });
    await publish(`${base}/status`, 'online', true);
    clearTimeout(opening);
    signal.removeEventListener('abort', abandon);
    resolve({
      async deliver({ points }) {
        await publish(`${base}/telemetry`, `{"points":[${points.join(',')}]}`);
        return { rejected: 0 };
      },
      async end() {
        if (!gone)
          await Promise.race([publish(`${base}/status`, 'offline', true), pauseFor(1000)]).catch(() => undefined);
        finish(new ConnectionLost('the link is closed'));
      },
    });
  }

  client.on('connect', () => {
    greet().catch((error: Error) => finish(new ConnectionLost(error.message)));
  });
  client.on('error', (error) => {
    const refused = codeOf(error) === BAD_CREDENTIALS;
    finish(refused ? new LinkRefused(`the MQTT server refuses device ${deviceId}`) : new ConnectionLost(error.message));
  });
  client.on('close', () => finish(new ConnectionLost('the MQTT connection was closed')));
  client.on('message', (topic, payload) => {
    if (topic === `${base}/errors`) return onReport(payload);
    const answering = desk.answer(topic.slice(`${base}/commands/`.length).split('/').filter(Boolean), payload);
    answering
      ?.then(({ requestId, body }) => publish(`${base}/responses/${requestId}`, body))
      .catch((error: Error) => onProblem?.(`a command could not be answered: ${error.message}`));
  });
  return promise;
}

const pauseFor = (ms: number): Promise<void> =>
  new Promise((resolve) => {
    setTimeout(resolve, ms).unref();
  });
