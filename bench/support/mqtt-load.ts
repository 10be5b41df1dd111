// A load generator for MQTT QoS 1: packets are encoded beforehand, each connection keeps a window of unacknowledged ones open.
import { connect, type Socket } from 'node:net';
import { generate } from 'mqtt-packet';

export interface MqttLoad {
  readonly port: number;
  readonly devices: readonly { readonly id: string; readonly token: string }[];
  readonly messagesPerDevice: number;
  /** Where the numbering of messages begins, so that a later round sends other points. */
  readonly firstMessage: number;
  readonly window: number;
}
export interface MqttLoadResult {
  readonly seconds: number;
  readonly acknowledged: number;
}

const START_MS = Date.now() - 3_600_000;
const CONNACK = 0x20;
const PUBACK = 0x40;

process.once('message', async (load: MqttLoad) => {
  const packets = load.devices.map((device, index) =>
    Array.from({ length: load.messagesPerDevice }, (_, n) => publish(device.id, index, load.firstMessage + n)),
  );
  const sockets = await Promise.all(load.devices.map((device) => open(load.port, device)));
  const started = performance.now();
  await Promise.all(sockets.map((socket, index) => pump(socket, packets[index] ?? [], load.window)));
  const seconds = (performance.now() - started) / 1000;
  for (const socket of sockets) socket.destroy();
  const answer: MqttLoadResult = { seconds, acknowledged: load.devices.length * load.messagesPerDevice };
  process.send?.(answer);
});

function publish(deviceId: string, device: number, n: number): Buffer {
  return generate({
    cmd: 'publish',
    topic: `valtronics/devices/${deviceId}/telemetry/temperature`,
    payload: JSON.stringify({ value: 20 + ((n * 7 + device) % 1000) / 100, timestamp: START_MS + n * 50 }),
    qos: 1,
    retain: false,
    dup: false,
    messageId: (n % 65_000) + 1,
  });
}

function open(port: number, device: { id: string; token: string }): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    socket.once('error', reject);
    socket.once('data', (answer: Buffer) => {
      if (answer[0] === CONNACK && answer[3] === 0) resolve(socket);
      else reject(new Error('the broker refused the connection'));
    });
    socket.write(
      generate({
        cmd: 'connect',
        protocolId: 'MQTT',
        protocolVersion: 4,
        clean: true,
        clientId: 'bench',
        keepalive: 0,
        username: device.id,
        password: Buffer.from(device.token),
      }),
    );
  });
}

/** Sends with at most `window` packets unacknowledged; resolves when all are. A PUBACK is always four bytes. */
function pump(socket: Socket, packets: readonly Buffer[], window: number): Promise<void> {
  return new Promise((resolve, reject) => {
    let sent = 0;
    let bytes = 0;
    const fill = (): void => {
      const until = Math.min(packets.length, Math.floor(bytes / 4) + window);
      if (until <= sent) return;
      socket.write(Buffer.concat(packets.slice(sent, until)));
      sent = until;
    };
    socket.on('data', (chunk: Buffer) => {
      if (bytes % 4 === 0 && chunk[0] !== PUBACK) return reject(new Error(`an unexpected packet: ${chunk[0]}`));
      bytes += chunk.length;
      if (bytes / 4 >= packets.length) resolve();
      else fill();
    });
    socket.once('error', reject);
    socket.once('close', () => reject(new Error('the broker closed the connection')));
    fill();
  });
}
