import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';

const root = join(import.meta.dirname, '../..');
const VALTRONICS = join(root, 'server/src/cli/valtronics.ts');
const SERVER = join(root, 'server/src/main.ts');

export interface Finished {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

export interface RunningProgram {
  readonly child: ChildProcess;
  /** Everything it said so far on standard output. */
  out(): string;
  err(): string;
  /** Resolves once it has said this; fails when it ends before. */
  says(text: string | RegExp, withinMs?: number): Promise<void>;
  finished(): Promise<Finished>;
}

export interface ProgramOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string;
  readonly cwd?: string;
}

/** `valtronics …` as a process of its own. */
export function valtronics(args: readonly string[], options: ProgramOptions = {}): RunningProgram {
  return run(VALTRONICS, args, options);
}

/** `npm start`. */
export function aServer(options: ProgramOptions = {}): RunningProgram {
  return run(SERVER, [], options);
}

function run(
  program: string,
  args: readonly string[],
  { env = {}, input, cwd = root }: ProgramOptions,
): RunningProgram {
  const inherited = Object.entries(process.env).filter(([name]) => !/^(VALTRONICS_|DATABASE_URL|REDIS_URL)/.test(name));
  // Before it is started: once the test is over this throws, and nothing is started that nobody would end.
  let end = async (): Promise<void> => undefined;
  onTestFinished(() => end(), 40_000);
  const child = spawn(process.execPath, [program, ...args], {
    cwd,
    env: { ...Object.fromEntries(inherited), ...env },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  let out = '';
  let err = '';
  const listeners = new Set<() => void>();
  const tell = (): void => {
    for (const listener of listeners) listener();
  };
  child.stdout.on('data', (chunk) => {
    out += String(chunk);
    tell();
  });
  child.stderr.on('data', (chunk) => {
    err += String(chunk);
    tell();
  });
  child.stdin.on('error', () => undefined);
  child.stdin.end(input);
  const ended = new Promise<Finished>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, out, err }));
  });

  end = async () => {
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGTERM');
    await ended;
  };

  return {
    child,
    out: () => out,
    err: () => err,
    finished: () => ended,
    async says(text, withinMs = 120_000) {
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      const said = (): boolean => (typeof text === 'string' ? out.includes(text) : text.test(out));
      const look = (): void => {
        if (said()) resolve();
      };
      const timer = setTimeout(
        () => reject(new Error(`it did not say ${text} within ${withinMs} ms:\n${out}${err}`)),
        withinMs,
      );
      listeners.add(look);
      void ended.then(() => (said() ? resolve() : reject(new Error(`it ended without saying ${text}:\n${out}${err}`))));
      look();
      try {
        await promise;
      } finally {
        clearTimeout(timer);
        listeners.delete(look);
      }
    },
  };
}
