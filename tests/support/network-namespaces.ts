import { execFileSync, type SpawnOptions, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';

/** Whether this machine lets us make network namespaces and rules in them; elsewhere the tests that need them say what they skip. */
export const hasNamespaces = (() => {
  if (process.getuid?.() !== 0 || !existsSync('/usr/sbin/nft')) return false;
  try {
    const probe = `vtp${randomBytes(4).toString('hex')}`;
    run('ip', 'netns', 'add', probe);
    try {
      run('ip', 'netns', 'exec', probe, 'nft', 'list', 'ruleset');
    } finally {
      run('ip', 'netns', 'del', probe);
    }
    return true;
  } catch {
    return false;
  }
})();

function run(command: string, ...args: string[]): string {
  return execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

export interface Namespaces {
  /** Where packets arrive: what is protected. */
  readonly inside: string;
  /** Where they come from. */
  readonly outside: string;
  readonly addresses: { readonly inside: string; readonly inside6: string };
  /** Runs something in one of them, to its end. */
  exec(name: string, command: string, ...args: string[]): string;
  spawn(name: string, command: string, args: readonly string[], options?: SpawnOptions): ReturnType<typeof spawn>;
  remove(): void;
}

/** Two namespaces of their own, joined by a pair of devices that are in no other; the machine's own network is not touched. */
export function twoNamespaces(outsideAddresses: readonly string[]): Namespaces {
  const id = randomBytes(4).toString('hex');
  const [inside, outside] = [`vti${id}`, `vto${id}`];
  const exec = (name: string, command: string, ...args: string[]): string =>
    run('ip', 'netns', 'exec', name, command, ...args);
  run('ip', 'netns', 'add', inside);
  run('ip', 'netns', 'add', outside);
  run('ip', 'link', 'add', 'vin', 'netns', inside, 'type', 'veth', 'peer', 'name', 'vout', 'netns', outside);
  const addresses = { inside: '10.99.0.1', inside6: 'fd99::1' };
  const give = (name: string, device: string, address: string): void => {
    exec(name, 'ip', 'addr', 'add', address, 'dev', device, ...(address.includes(':') ? ['nodad'] : []));
  };
  give(inside, 'vin', `${addresses.inside}/8`);
  give(inside, 'vin', `${addresses.inside6}/16`);
  for (const address of outsideAddresses) give(outside, 'vout', address);
  for (const [name, device] of [
    [inside, 'vin'],
    [outside, 'vout'],
  ] as const) {
    exec(name, 'ip', 'link', 'set', 'lo', 'up');
    exec(name, 'ip', 'link', 'set', device, 'up');
  }
  return {
    inside,
    outside,
    addresses,
    exec,
    spawn: (name, command, args, options = {}) => spawn('ip', ['netns', 'exec', name, command, ...args], options),
    remove() {
      for (const name of [inside, outside]) run('ip', 'netns', 'del', name);
    },
  };
}
