import { setTimeout as sleep } from 'node:timers/promises';
import { connect, type TLSSocket } from 'node:tls';
import mqtt, { type IClientOptions, type MqttClient } from 'mqtt';

export interface TestMqttClient {
  readonly client: MqttClient;
  /** Messages received so far. */
  readonly received: { topic: string; text: string }[];
  publish(topic: string, payload: string | Buffer, qos?: 0 | 1 | 2): Promise<void>;
  /** The QoS granted for each filter; 128 is refused. */
  subscribe(...filters: string[]): Promise<number[]>;
  /** Resolves when the connection is over. */
  readonly closed: Promise<void>;
  /** Goes without a goodbye. */
  vanish(): void;
  end(): Promise<void>;
}

/** A real MQTT client over TLS that connects once and never again. Rejects with the broker's refusal. */
export async function anMqttClient(port: number, options: IClientOptions = {}): Promise<TestMqttClient> {
  const client = mqtt.connect(`mqtts://127.0.0.1:${port}`, {
    rejectUnauthorized: false,
    reconnectPeriod: 0,
    connectTimeout: 5000,
    ...options,
  });
  const received: TestMqttClient['received'] = [];
  client.on('message', (topic, payload) => received.push({ topic, text: payload.toString() }));
  const closed = new Promise<void>((resolve) => client.once('close', resolve));
  await new Promise<void>((resolve, reject) => {
    client.once('connect', () => resolve());
    client.once('error', reject);
    client.once('close', () => reject(new Error('closed before CONNACK')));
  });
  client.on('error', () => {});
  return {
    client,
    received,
    closed,
    publish: async (topic, payload, qos = 1) => {
      await client.publishAsync(topic, payload, { qos });
    },
    async subscribe(...filters) {
      const packet = await new Promise<{ granted: number[] }>((resolve) => {
        client.on('packetreceive', (incoming) => {
          if (incoming.cmd === 'suback') resolve({ granted: incoming.granted as number[] });
        });
        client.subscribe(filters, { qos: 1 }, () => {});
      });
      return packet.granted;
    },
    vanish: () => client.stream.destroy(),
    async end() {
      if (client.connected) await client.endAsync();
      else client.end(true);
    },
  };
}

/** A bare TLS connection, for what no well-behaved client sends. */
export async function aRawConnection(
  port: number,
): Promise<{ socket: TLSSocket; closed: Promise<void>; bytes: number[] }> {
  const socket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false });
  const bytes: number[] = [];
  socket.on('data', (chunk) => bytes.push(...Buffer.from(chunk)));
  socket.on('error', () => {});
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  await new Promise<void>((resolve) => socket.once('secureConnect', resolve));
  return { socket, closed, bytes };
}

/** Waits until the condition holds; fails after a while with what was expected. */
export async function eventually(
  what: string,
  holds: () => boolean | Promise<boolean>,
  withinMs = 5000,
): Promise<void> {
  const deadline = Date.now() + withinMs;
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(`did not happen within ${withinMs} ms: ${what}`);
    await sleep(10);
  }
}

/** Whether a promise has settled by then. */
export async function settlesWithin(milliseconds: number, promise: Promise<unknown>): Promise<boolean> {
  return Promise.race([
    promise.then(
      () => true,
      () => true,
    ),
    sleep(milliseconds, false),
  ]);
}
