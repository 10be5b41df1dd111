import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import type { BackupCommand, RunBackupCommand } from './features/backups/backup.schedule.ts';
import { childEnvironment } from './platform/config/child-environment.ts';

const PROGRAM = fileURLToPath(new URL('./cli/valtronics.ts', import.meta.url));
const MOST_COMPLAINT = 1_000;
const WORDS: Record<BackupCommand, readonly string[]> = {
  create: ['create'],
  base: ['create', '--base'],
  prune: ['prune'],
  drill: ['drill'],
};
/** Told to stop, it cleans up; the server itself has ten seconds for its end. */
const END_WITHIN_MS = 8_000;

/**
 * `valtronics backup …` as a child, which is short-lived and may do what the process that serves must not: read everything as the owner of the
 * schema, and make and drop databases. It finds the server's database through the control socket, as it does for a person at the machine.
 */
export function backupCommandRunner(dataDir: string): RunBackupCommand {
  return async (command, signal) => {
    if (signal.aborted) return { isDone: false, complaint: 'the server stops' };
    const child = spawn(process.execPath, [PROGRAM, 'backup', ...WORDS[command], '--scheduled', '--json'], {
      stdio: ['ignore', 'ignore', 'pipe'],
      env: childEnvironment({ VALTRONICS_DATA_DIR: dataDir }),
    });
    const said = text(child.stderr);
    let straggler: NodeJS.Timeout | undefined;
    const end = (): void => {
      child.kill('SIGTERM');
      straggler = setTimeout(() => child.kill('SIGKILL'), END_WITHIN_MS);
    };
    signal.addEventListener('abort', end, { once: true });
    try {
      const code = await new Promise<number | null>((resolve, reject) => {
        child.once('error', reject);
        child.once('close', resolve);
      });
      const complaint = (await said).trim().slice(-MOST_COMPLAINT);
      return { isDone: code === 0, complaint: complaint || `it ended with ${code ?? 'a signal'}` };
    } finally {
      signal.removeEventListener('abort', end);
      clearTimeout(straggler);
    }
  };
}
