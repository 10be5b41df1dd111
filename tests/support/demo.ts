import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, realpathSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Role } from '@valtronics/contract';
import { onTestFinished } from 'vitest';
import { type ApiClient, signIn } from '../../server/src/cli/api-client.ts';
import { existingHome } from '../../server/src/platform/db/embedded-layout.ts';
import { kill, processesOf } from './database-faults.ts';
import { newDatabaseFolder } from './database-folders.ts';
import { freePorts } from './free-ports.ts';
import { type Finished, type RunningProgram, valtronics } from './program.ts';

export interface DemoRun {
  readonly program: RunningProgram;
  /** From the start of the process to the end of the box. */
  readonly seconds: number;
  readonly people: readonly { readonly role: Role; readonly email: string; readonly password: string }[];
  signIn(role: Role): Promise<ApiClient>;
  /** `npm run demo:attack`, with what it prints for programs. */
  attack(): Promise<Finished>;
  stop(signal: NodeJS.Signals): Promise<Finished>;
}

export interface Demo {
  readonly url: string;
  readonly dataDir: string;
  ca(): string;
  start(): Promise<DemoRun>;
  /** The processes of its database that are alive. */
  databaseProcesses(): number[];
}

/** `npm run demo` on free ports and a data folder of its own, which goes away with the test. */
export async function aDemo(): Promise<Demo> {
  const folder = realpathSync(newDatabaseFolder('valtronics-demo-'));
  const dataDir = join(folder, 'data-demo');
  const [http, mqtt] = await freePorts(2);
  const url = `https://localhost:${http}`;
  const env = {
    VALTRONICS_DATA_DIR: dataDir,
    VALTRONICS_HTTP_PORT: String(http),
    VALTRONICS_MQTT_PORT: String(mqtt),
  };
  const ca = (): string => readFileSync(join(dataDir, 'tls/ca.pem'), 'utf8');
  const databaseProcesses = (): number[] => {
    const home = existsSync(dataDir) ? existingHome(dataDir) : undefined;
    return home !== undefined && existsSync(join(home, 'data')) ? processesOf(join(home, 'data')) : [];
  };
  onTestFinished(async () => {
    for (const pid of databaseProcesses()) await kill(pid);
    rmSync(folder, { recursive: true, force: true });
  }, 30_000);

  return {
    url,
    dataDir,
    ca,
    databaseProcesses,
    async start() {
      const started = performance.now();
      const program = valtronics(['demo'], { env });
      await program.says(/Ctrl-C\n[\s\S]*─\n/, 300_000);
      const seconds = (performance.now() - started) / 1000;
      const people = [...program.out().matchAll(/^ {4}(admin|operator|analyst|user) +(\S+@\S+) +(\S+)$/gm)].map(
        ([, role, email = '', password = '']) => ({ role: role as Role, email, password }),
      );
      return {
        program,
        seconds,
        people,
        signIn(role) {
          const person = people.find((each) => each.role === role);
          if (!person) throw new Error(`the demo names nobody of the role ${role}`);
          return signIn({ url, ca: ca() }, { email: person.email, password: person.password });
        },
        attack: () => valtronics(['demo', 'attack', '--json'], { env }).finished(),
        stop(signal) {
          program.child.kill(signal);
          return program.finished();
        },
      };
    },
  };
}

/** Processes the given one has started and that are alive. */
export function childrenOf(pid: number | undefined): number[] {
  const list = execFileSync('ps', ['-axo', 'pid=,ppid=,stat=,comm='], { encoding: 'utf8' });
  return list.split('\n').flatMap((line) => {
    const [child, parent, state = '', name] = line.trim().split(/\s+/);
    return Number(parent) === pid && !state.startsWith('Z') && name !== 'ps' ? [Number(child)] : [];
  });
}
