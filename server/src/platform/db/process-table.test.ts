import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { parseProcessList, postgresProcessesIn, processStart } from './process-table.ts';

test('a process has one start time, another process another, and none has none', async () => {
  const start = processStart(process.pid);
  expect(start).toBeTruthy();
  expect(processStart(process.pid)).toBe(start);
  const child = spawn('sleep', ['30']);
  onTestFinished(() => void child.kill('SIGKILL'));
  expect(processStart(child.pid ?? 0)).not.toBe(start);
  child.kill('SIGKILL');
  await expect.poll(() => processStart(child.pid ?? 0)).toBeUndefined();
  for (const nobody of [0, -1, 1.5, Number.NaN]) expect(processStart(nobody)).toBeUndefined();
});

test('a shell that stands in the data folder is not taken for PostgreSQL', () => {
  const folder = mkdtempSync(join(tmpdir(), 'valtronics-processes-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const child = spawn('sleep', ['30'], { cwd: folder });
  onTestFinished(() => void child.kill('SIGKILL'));
  expect(postgresProcessesIn(folder, 'valtronics-x')).toEqual([]);
});

test('where there is no /proc, the command line and the process titles tell', () => {
  const list = [
    '  101 Ss   /data dir/postgres/postgresql-18/bin/postgres -D /data dir/postgres/data -c listen_addresses=',
    '  102 S    /opt/a/bin/postgres -D /data/postgres/data -c listen_addresses=',
    '  103 S    /opt/a/bin/postgres -D /data/postgres/data2 -c listen_addresses=',
    '  104 Ss   postgres: valtronics-abc: checkpointer ',
    '  105 Ss   postgres: valtronics-abcd: checkpointer ',
    '  106 Z    postgres: valtronics-abc: server idle',
    '  107 S+   vi postgres: valtronics-abc: notes',
    '  108 Ss   postgres: valtronics-abc: valtronics_server valtronics [local] SELECT',
    '',
  ].join('\n');
  expect(parseProcessList(list, '/data/postgres/data', 'valtronics-abc')).toEqual([102, 104, 108]);
});
