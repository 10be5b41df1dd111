import { execFileSync } from 'node:child_process';
import { lstatSync, mkdtempSync, readdirSync, rmSync, statSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { installBinaries } from './embedded-binaries.ts';

function aHome(): string {
  const home = mkdtempSync(join(tmpdir(), 'valtronics-binaries-'));
  onTestFinished(() => rmSync(home, { recursive: true, force: true }));
  return home;
}

test('the copy runs on its own, with the symbolic links that an install script would have made', () => {
  const home = aHome();
  const programs = installBinaries(home);
  expect(execFileSync(join(programs, 'postgres'), ['--version'], { encoding: 'utf8' })).toContain('PostgreSQL) 18');
  if (process.platform === 'linux') {
    expect(lstatSync(join(programs, '../lib/libpq.so.5')).isSymbolicLink()).toBe(true);
    expect(statSync(join(programs, '../lib/libicui18n.so.60')).size).toBeGreaterThan(0);
  }
  expect(readdirSync(home)).toHaveLength(1);
});

test('a copy is made once, and made again if a power cut emptied a file of it', () => {
  const home = aHome();
  const postgres = join(installBinaries(home), 'postgres');
  const { ino, size } = statSync(postgres);
  installBinaries(home);
  expect(statSync(postgres).ino).toBe(ino);
  truncateSync(postgres);
  installBinaries(home);
  expect(statSync(postgres).size).toBe(size);
});
