import { connect, type TLSSocket } from 'node:tls';
import { generate } from 'mqtt-packet';
import { atMost, type Outcome } from './support/outcome.ts';
import type { BenchDevice, BenchServer } from './support/server.ts';

/** 1,000 devices over TLS, each of which has sent and gets acknowledged a point every few seconds. */
export async function thousandTlsDevices(server: BenchServer): Promise<Outcome> {
  const devices = await server.devices(1000);
  const sockets: TLSSocket[] = [];
  for (let first = 0; first < devices.length; first += 20)
    sockets.push(
      ...(await Promise.all(devices.slice(first, first + 20).map((device) => open(server.mqttTlsPort, device)))),
    );
  for (let round = 0; round < 5; round += 1) {
    for (const [index, socket] of sockets.entries()) socket.write(point(devices[index]?.id ?? '', round));
    await new Promise((resolve) => setTimeout(resolve, 2000));
  }
  const megabytes = server.residentMegabytes();
  for (const socket of sockets) socket.destroy();
  return atMost(
    'memory.server_with_1000_tls_devices',
    megabytes,
    350,
    'MB',
    'resident memory of the server process, PostgreSQL apart',
  );
}

function open(port: number, device: BenchDevice): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false });
    socket.once('error', reject);
    socket.once('data', (answer: Buffer) => {
      socket.resume();
      if (answer[3] === 0) resolve(socket);
      else reject(new Error('the broker refused the connection'));
    });
    socket.write(
      generate({
        cmd: 'connect',
        protocolId: 'MQTT',
        protocolVersion: 4,
        clean: true,
        clientId: 'm',
        keepalive: 60,
        username: device.id,
        password: Buffer.from(device.token),
      }),
    );
  });
}

function point(deviceId: string, round: number): Buffer {
  const topic = `valtronics/devices/${deviceId}/telemetry/temperature`;
  return generate({
    cmd: 'publish',
    topic,
    payload: JSON.stringify({ value: 20 + round }),
    qos: 1,
    retain: false,
    dup: false,
    messageId: round + 1,
  });
}
