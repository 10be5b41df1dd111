import type { ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { twoNamespaces } from './network-namespaces.ts';

/** Who sends: two of IPv4 in one /24, one of IPv6. All the while, a packet each two milliseconds. */
export const senders = { one: '10.99.7.66', two: '10.99.7.67', six: 'fd99:0:0:7::66' } as const;

const RECEIVER = `
for (const type of ['udp4', 'udp6']) {
  const socket = require('node:dgram').createSocket({ type, ipv6Only: type === 'udp6' });
  socket.on('message', (_, { address }) => process.stdout.write(address + ' ' + Date.now() + '\\n'));
  socket.bind(9999, () => process.stdout.write('ready\\n'));
}`;
const SENDER = `
const [to4, to6, ...from] = process.argv.slice(1);
for (const address of from) {
  const six = address.includes(':');
  const socket = require('node:dgram').createSocket(six ? 'udp6' : 'udp4');
  socket.on('error', () => {});
  socket.bind(0, address, () => setInterval(() => socket.send('x', 9999, six ? to6 : to4, () => {}), 2));
}`;

/** Real packets from one namespace into another, and when the last one of each sender came through. */
export function aPacketFlow() {
  const spaces = twoNamespaces([`${senders.one}/8`, `${senders.two}/8`, `${senders.six}/16`]);
  const running: ChildProcess[] = [];
  const last = new Map<string, number>();
  const receiver = spaces.spawn(spaces.inside, process.execPath, ['-e', RECEIVER]);
  running.push(receiver);
  if (!receiver.stdout) throw new Error('no output');
  createInterface(receiver.stdout).on('line', (line) => {
    const [address = '', at] = line.split(' ');
    if (at !== undefined) last.set(address, Number(at));
  });
  const { inside, inside6 } = spaces.addresses;
  const from = Object.values(senders);
  running.push(spaces.spawn(spaces.outside, process.execPath, ['-e', SENDER, inside, inside6, ...from]));

  /** Beside the others, since on a busy machine everybody is silent now and then. */
  const isSilent = (address: string): boolean => Math.max(0, ...last.values()) - (last.get(address) ?? 0) > 120;
  async function until(holds: () => boolean, withinMs: number, what: string): Promise<number> {
    const began = Date.now();
    while (!holds()) {
      if (Date.now() - began > withinMs) throw new Error(`not within ${withinMs} ms: ${what}`);
      await sleep(5);
    }
    return Date.now() - began;
  }

  return {
    spaces,
    isSilent,
    until,
    silence: (address: string, withinMs = 1_500) => until(() => isSilent(address), withinMs, `silence of ${address}`),
    packets: (address: string, withinMs = 1_500) => until(() => !isSilent(address), withinMs, `packets of ${address}`),
    /** When the last packet came, in milliseconds of the clock. */
    lastPacket: (address: string): number => last.get(address) ?? 0,
    /** Runs something there until the end. */
    start(name: string, command: string, args: readonly string[]): ChildProcess {
      const child = spaces.spawn(name, command, args);
      running.push(child);
      return child;
    },
    close(): void {
      for (const child of running) child.kill('SIGKILL');
      spaces.remove();
    },
  };
}
