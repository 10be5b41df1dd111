import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, isAbsolute } from 'node:path';
import { fileURLToPath } from 'node:url';
import { command } from './command.ts';
import { CommandError, UsageError } from './command-error.ts';
import { untilSignal } from './until-signal.ts';

const HELPER = fileURLToPath(new URL('../firewall-helper/main.ts', import.meta.url));
const SOCKET = '/run/valtronics/firewall.sock';
/** Of linux/capability.h. */
const CAP_NET_ADMIN = 12n;

export const firewall = command(
  {
    name: 'firewall',
    summary: 'Run the firewall helper, which has the kernel drop what is banned',
    options: {
      socket: { type: 'string', value: 'PATH', help: `where the server finds it; ${SOCKET} unless told` },
      group: {
        type: 'string',
        value: 'NAME',
        help: 'group of the server, which may open the socket; else only the owner',
      },
    },
    examples: ['firewall --group valtronics'],
    notes:
      'Runs until it is stopped; bans that the kernel has then stay until their own end. Needs root or CAP_NET_ADMIN, and nft.\nThe server finds it through VALTRONICS_FIREWALL_SOCKET. deploy/valtronics-firewall.service runs it under systemd.',
  },
  async ({ values }, output) => {
    const { socket = SOCKET, group } = values;
    if (!isAbsolute(socket)) throw new UsageError('--socket: not an absolute path');
    if (!mayChangeRules()) throw new CommandError('the firewall helper changes rules of the kernel: run it as root');
    const folder = dirname(socket);
    mkdirSync(folder, { recursive: true, mode: 0o755 });
    // Whoever may write there could put a socket of their own in its place and answer the server.
    const { uid, mode } = statSync(folder);
    if ((uid !== 0 && uid !== process.getuid?.()) || (mode & 0o022) !== 0)
      throw new CommandError(`${folder} must belong to root, and nobody else may write to it`);

    // A process of its own: what has the privilege has nothing of the rest of the command line in it.
    const code = await untilSignal(undefined, async (signal) => {
      const program = [HELPER, '--socket', socket, ...(group === undefined ? [] : ['--group', group])];
      const helper = spawn(process.execPath, program, {
        stdio: ['ignore', 'ignore', 'inherit'],
        env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' },
      });
      const stop = (): void => void helper.kill('SIGTERM');
      signal.addEventListener('abort', stop);
      const [ended] = (await once(helper, 'exit')) as [number | null];
      return ended;
    });
    if (code !== 0) throw new CommandError('the firewall helper could not go on; why stands above');
    output.result(
      { socket, stopped: true },
      'The firewall helper has stopped; what is banned stays dropped until its end.',
    );
  },
);

/** Root in a container is often without it, and an account of its own may have it. */
function mayChangeRules(): boolean {
  const status = readFileSync('/proc/self/status', 'utf8');
  const effective = /^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? '0';
  return ((BigInt(`0x${effective}`) >> CAP_NET_ADMIN) & 1n) === 1n;
}
