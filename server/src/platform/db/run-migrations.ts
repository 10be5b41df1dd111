import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import type pg from 'pg';
import type { MigrationResult } from './migrate.ts';

export class MigrationError extends Error {
  override readonly name = 'MigrationError';
}

const PROGRAM = fileURLToPath(new URL('./migrate-process.ts', import.meta.url));
export const MIGRATIONS_FOLDER = fileURLToPath(new URL('../../../migrations', import.meta.url));
const WITHIN_MS = 30 * 60_000;

/** Brings the schema up to date as the owner, in a short-lived child process. */
export async function runMigrations(
  ownerConnection: pg.ClientConfig,
  folder = MIGRATIONS_FOLDER,
  upTo?: number,
): Promise<MigrationResult> {
  const child = spawn(process.execPath, [PROGRAM], { stdio: ['pipe', 'pipe', 'pipe'], timeout: WITHIN_MS });
  const output = text(child.stdout);
  const complaint = text(child.stderr);
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  child.stdin.on('error', () => undefined); // its death is told by the exit code
  child.stdin.end(JSON.stringify({ connection: ownerConnection, folder, upTo }));
  if ((await ended) !== 0)
    throw new MigrationError(`the database could not be brought up to date: ${(await complaint).trim()}`);
  return JSON.parse(await output) as MigrationResult;
}
