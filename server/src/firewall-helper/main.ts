import { readFileSync, rmSync } from 'node:fs';
import { setPriority } from 'node:os';
import { parseArgs } from 'node:util';
import { openKeeper } from './keeper.ts';
import { serve } from './serve.ts';

// The one part that runs as root (or with CAP_NET_ADMIN): it takes networks and seconds on a Unix socket and has the kernel drop what comes from
// there. It imports nothing that talks to the world. See docs/blocks.md.

const CHECK_EVERY_MS = 2_000;
const PRIORITY = -10;
const say = (text: string): void => void process.stderr.write(`${new Date().toISOString()} firewall: ${text}\n`);

function gidOf(group: string): number {
  const line = readFileSync('/etc/group', 'utf8')
    .split('\n')
    .find((one) => one.startsWith(`${group}:`));
  const gid = Number(line?.split(':')[2] ?? Number.NaN);
  if (!Number.isSafeInteger(gid)) throw new Error(`there is no group ${JSON.stringify(group)}`);
  return gid;
}

// Whoever read what we say may go away; that is no reason to stop.
process.stderr.on('error', () => undefined);

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { socket: { type: 'string' }, group: { type: 'string' } } });
  const { socket, group } = values;
  if (!socket?.startsWith('/')) throw new Error('usage: main.ts --socket /run/valtronics/firewall.sock [--group NAME]');
  // A flood must not starve what ends it. Where that is not allowed, it is as fast as everything else.
  try {
    setPriority(PRIORITY);
  } catch {
    say('runs with the usual priority');
  }
  const keeper = await openKeeper(say);
  const server = await serve(socket, group === undefined ? undefined : gidOf(group), keeper);
  say(`listening at ${socket}`);
  const timer = setInterval(() => {
    keeper.check().catch((error: Error) => say(error.message));
  }, CHECK_EVERY_MS);
  const stop = (): void => {
    // What the kernel has stays there, and ends by itself.
    clearInterval(timer);
    server.close();
    rmSync(socket, { force: true });
    process.exit(0);
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
}

main().catch((error: Error) => {
  say(error.message);
  process.exit(1);
});
