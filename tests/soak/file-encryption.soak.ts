import { spawnSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { closeSync, createReadStream, openSync, writeFileSync, writeSync } from 'node:fs';
import { expect, it } from 'vitest';
import { aFolder, anIdentity, PROGRAM } from '../support/files-command.ts';

const BYTES = 10e9;
const PIECE = randomBytes(50_000_000);

// Through the real disk, there and back, with a passphrase and to a recipient. Needs 30 GB of space.
it('a file of 10 GB is encrypted and decrypted in at most 100 MB of memory', {
  timeout: 1_800_000,
  retry: 0,
}, async () => {
  const { at } = aFolder();
  const recipient = await anIdentity(at);
  writeFileSync(at('report.mjs'), `process.on('exit', () => console.error('peak ' + process.resourceUsage().maxRSS))`);
  const descriptor = openSync(at('plain'), 'w');
  for (let written = 0; written < BYTES; written += PIECE.length) writeSync(descriptor, PIECE);
  closeSync(descriptor);
  const original = await hashOf(at('plain'));

  const run = (...args: string[]) => {
    const started = performance.now();
    const { status, stderr } = spawnSync(process.execPath, [PROGRAM, 'files', ...args, '--force'], {
      stdio: ['ignore', 'ignore', 'pipe'],
      env: { ...process.env, NODE_OPTIONS: `--import=${at('report.mjs')}`, NODE_COMPILE_CACHE: at('cache') },
    });
    expect(status, String(stderr)).toBe(0);
    const megabytes = Number(/peak (\d+)/.exec(String(stderr))?.[1]) / 1024;
    return { megabytes, seconds: (performance.now() - started) / 1_000 };
  };
  writeFileSync(at('small'), 'x');
  for (const [to, by] of [
    [
      ['--passphrase-file', at('passphrase')],
      ['--passphrase-file', at('passphrase')],
    ],
    [
      ['-r', recipient],
      ['-i', at('key.txt')],
    ],
  ] as const) {
    // Once, so that the program is compiled.
    run('encrypt', at('small'), ...to, '-o', at('sealed'));
    run('decrypt', at('sealed'), ...by, '-o', at('opened'));
    const measured = [
      run('encrypt', at('plain'), ...to, '-o', at('sealed')),
      run('decrypt', at('sealed'), ...by, '-o', at('opened')),
    ];
    process.stdout.write(`${to[0]}: ${JSON.stringify(measured)}\n`);
    for (const { megabytes } of measured) expect(megabytes).toBeLessThanOrEqual(100);
    expect(await hashOf(at('opened'))).toBe(original);
  }
});

async function hashOf(file: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const part of createReadStream(file, { highWaterMark: 1_048_576 })) hash.update(part);
  return hash.digest('hex');
}
