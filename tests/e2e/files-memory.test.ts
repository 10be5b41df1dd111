import { spawnSync } from 'node:child_process';
import { closeSync, openSync, truncateSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { aFolder, anIdentity, PROGRAM } from '../support/files-command.ts';

// Not `ru_maxrss` where the kernel tells better: on Linux it begins with what the process that started this one held, so it measured the tests.
const REPORT = `
import { readFileSync } from 'node:fs';
const peak = () =>
  process.platform === 'linux'
    ? /VmHWM:\\s*(\\d+) kB/.exec(readFileSync('/proc/self/status', 'utf8'))[1]
    : process.resourceUsage().maxRSS;
process.on('exit', () => console.error('peak ' + peak()));
`;

test('memory does not grow with the file, and stays below 100 MB', { timeout: 240_000 }, async () => {
  const { at } = aFolder();
  const recipient = await anIdentity(at);
  writeFileSync(at('plain'), '');
  truncateSync(at('plain'), 256 * 1024 * 1024);
  writeFileSync(at('report.mjs'), REPORT);
  const peakOf = (args: string[], input: number | 'ignore' = 'ignore'): number => {
    const { status, stderr } = spawnSync(process.execPath, [PROGRAM, 'files', ...args], {
      stdio: [input, 'ignore', 'pipe'],
      env: { ...process.env, NODE_OPTIONS: `--import=${at('report.mjs')}`, NODE_COMPILE_CACHE: at('cache') },
    });
    expect(status, String(stderr)).toBe(0);
    return Number(/peak (\d+)/.exec(String(stderr))?.[1]) / 1024;
  };
  const encrypt = (to: string[]): number => peakOf(['encrypt', at('plain'), ...to, '-o', at('out'), '--force']);
  const decrypt = (by: string[]): number => peakOf(['decrypt', at('out'), ...by, '-o', at('back'), '--force']);
  const encryptStream = (to: string[]): number => {
    const input = openSync(at('plain'), 'r');
    try {
      return peakOf(['encrypt', '-', ...to, '-o', at('out'), '--force'], input);
    } finally {
      closeSync(input);
    }
  };
  // The first time the program is compiled, which takes up to 30 MB for a moment; the second time it is not.
  for (let round = 0; round < 2; round += 1) {
    const [passphrase, to, by] = [
      ['--passphrase-file', at('passphrase')],
      ['-r', recipient],
      ['-i', at('key.txt')],
    ];
    const peaks = {
      passphrase: [encrypt(passphrase), decrypt(passphrase)],
      age: [encrypt(to), decrypt(by)],
      standardInput: [encryptStream(to)],
    };
    process.stdout.write(`peak memory in MB, round ${round}: ${JSON.stringify(peaks)}\n`);
    for (const peak of Object.values(peaks).flat()) expect(peak).toBeLessThan(round === 0 ? 120 : 100);
  }
});
