import { existsSync, realpathSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { existingHome } from '../../server/src/platform/db/embedded-layout.ts';
import { kill, processesOf } from './database-faults.ts';
import { newDatabaseFolder } from './database-folders.ts';
import { freePorts } from './free-ports.ts';
import type { RunningProgram } from './program.ts';

// A data folder with the embedded database, for the command and the server as processes of their own.

export interface Place {
  readonly dataDir: string;
  readonly env: Readonly<Record<string, string>>;
  readonly url: string;
}

/** A data folder to be, with free ports; whatever of a database is left in it ends with the test. */
export async function aPlace(): Promise<Place> {
  const folder = realpathSync(newDatabaseFolder('valtronics-cli-'));
  const dataDir = join(folder, 'data');
  const [http, mqtt] = await freePorts(2);
  onTestFinished(async () => {
    for (const pid of databaseProcesses(dataDir)) await kill(pid);
    rmSync(folder, { recursive: true, force: true });
  });
  return {
    dataDir,
    url: `https://localhost:${http}`,
    env: {
      VALTRONICS_DATA_DIR: dataDir,
      VALTRONICS_HTTP_PORT: String(http),
      VALTRONICS_MQTT_PORT: String(mqtt),
      VALTRONICS_LOG_LEVEL: 'error',
      VALTRONICS_MFA_REQUIRED_ROLES: '',
    },
  };
}

export function databaseProcesses(dataDir: string): number[] {
  const home = existsSync(dataDir) ? existingHome(dataDir) : undefined;
  return home !== undefined && existsSync(join(home, 'data')) ? processesOf(join(home, 'data')) : [];
}

export async function stopped(server: RunningProgram, signal: NodeJS.Signals = 'SIGTERM'): Promise<number | null> {
  server.child.kill(signal);
  return (await server.finished()).code;
}
