import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { hasNamespaces, type Namespaces, twoNamespaces } from '../../../tests/support/network-namespaces.ts';

// The command around the firewall helper. Rules are those of a network namespace of its own; what the helper does is tested beside it.

const CLI = join(import.meta.dirname, 'valtronics.ts');
const UNIT = join(import.meta.dirname, '../../../deploy/valtronics-firewall.service');

function aFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'valtronics-firewall-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

async function run(child: ReturnType<typeof spawn>) {
  let err = '';
  child.stderr?.on('data', (chunk) => {
    err += String(chunk);
  });
  const [code] = await once(child, 'close');
  return { code, err };
}

it('refuses to run without the privilege, and says what it is', async () => {
  const command = [process.execPath, CLI, 'firewall', '--socket', join(aFolder(), 'firewall.sock')];
  // As root: without it all the same, as in a container.
  const [program = '', ...args] =
    process.getuid?.() === 0 ? ['setpriv', '--bounding-set', '-net_admin', ...command] : command;
  expect(await run(spawn(program, args))).toEqual({
    code: 1,
    err: 'valtronics: the firewall helper changes rules of the kernel: run it as root\n',
  });
});

it('is what the unit of systemd starts, with a socket where the command has it', () => {
  const unit = readFileSync(UNIT, 'utf8');
  const [, helper = '', socket] = /^ExecStart=\S+\/node \/opt\/valtronics\/(\S+) --socket (\S+)/m.exec(unit) ?? [];
  expect(existsSync(join(import.meta.dirname, '../../..', helper))).toBe(true);
  expect(readFileSync(join(import.meta.dirname, 'firewall.ts'), 'utf8')).toContain(`'${socket}'`);
});

if (!hasNamespaces) console.warn('SKIPPED: the firewall command needs root, nft and network namespaces');

describe.skipIf(!hasNamespaces)('with the privilege', { timeout: 60_000 }, () => {
  let spaces: Namespaces;
  beforeAll(() => {
    spaces = twoNamespaces([]);
  });
  afterAll(() => spaces?.remove());
  const start = (...args: string[]) => spaces.spawn(spaces.inside, process.execPath, [CLI, 'firewall', ...args]);

  it('runs until it is stopped, and what is banned stays dropped', async () => {
    const socket = join(aFolder(), 'run', 'firewall.sock');
    const command = start('--socket', socket, '--json');
    onTestFinished(() => void command.kill('SIGTERM'));
    let said = '';
    await new Promise<void>((resolve, reject) => {
      command.stderr?.on('data', (chunk) => {
        said += String(chunk);
        if (said.includes('listening')) resolve();
      });
      command.on('exit', () => reject(new Error(said)));
    });
    let out = '';
    command.stdout?.on('data', (chunk) => {
      out += String(chunk);
    });
    const client = connect(socket);
    client.write('{"op":"add","network":"203.0.113.9","seconds":300}\n');
    expect(String((await once(client, 'data'))[0])).toBe('{"ok":true}\n');
    client.destroy();
    command.kill('SIGTERM');
    const [code] = await once(command, 'close');
    expect([code, JSON.parse(out)]).toEqual([0, { socket, stopped: true }]);
    expect(existsSync(socket)).toBe(false);
    expect(spaces.exec(spaces.inside, 'nft', 'list', 'ruleset')).toContain('203.0.113.9');
  });

  it('refuses a folder that others may write to, and a group that is none', async () => {
    const folder = aFolder();
    const none = await run(start('--socket', join(folder, 'firewall.sock'), '--group', 'no-such-group'));
    expect(none).toEqual({ code: 1, err: expect.stringContaining('there is no group "no-such-group"') });
    chmodSync(folder, 0o777);
    expect(await run(start('--socket', join(folder, 'firewall.sock')))).toEqual({
      code: 1,
      err: `valtronics: ${folder} must belong to root, and nobody else may write to it\n`,
    });
  });
});
