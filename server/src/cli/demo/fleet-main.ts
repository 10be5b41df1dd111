// The simulated fleet of the demo, in a process of its own: to the server its devices are strangers on the network like any other.
import { createInterface } from 'node:readline';
import { demoFleet, runFleet } from '@valtronics/simulator';
import { type FleetWord, fleetOrders } from './fleet-orders.ts';

const stopping = new AbortController();
// Ctrl-C reaches the whole process group; whoever started us says when it is time, so that the fleet ends before the server.
process.on('SIGINT', () => undefined);
process.on('SIGTERM', () => stopping.abort());

const say = (word: FleetWord): void => {
  process.stdout.write(`${JSON.stringify(word)}\n`);
};
process.stdout.on('error', () => stopping.abort());

const input = createInterface({ input: process.stdin });
// The end of our input is the end of whoever started us, however it came about.
input.on('close', () => stopping.abort());
input.once('line', (line) => {
  const orders = fleetOrders.parse(JSON.parse(line));
  const bySerial = new Map(orders.members.map((member) => [member.serial, member]));
  const fleet = demoFleet({ utcOffsetMinutes: orders.utcOffsetMinutes });
  void runFleet({
    devices: fleet.flatMap((device) => {
      const member = bySerial.get(device.serial);
      return member ? [{ device, deviceId: member.deviceId, token: member.token }] : [];
    }),
    target: { httpUrl: orders.httpUrl, mqttUrl: orders.mqttUrl, ca: orders.ca },
    sinceMs: orders.sinceMs,
    signal: stopping.signal,
    onProblem: (device, text) => say({ kind: 'problem', device, text: text.slice(0, 500) }),
    onProgress: ({ acknowledged, dropped, refused }) => say({ kind: 'progress', acknowledged, dropped, refused }),
  }).finally(() => process.exit(0));
});
