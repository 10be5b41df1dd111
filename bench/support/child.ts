import { fork } from 'node:child_process';

/** Runs a load generator or a bare peer in a process of its own; its first message is its answer. `until` tells it when to stop. */
export function inChild<T>(program: URL, input: unknown, until?: Promise<void>): Promise<T> {
  return new Promise((resolve, reject) => {
    const child = fork(program, {
      execArgv: ['--max-old-space-size=6144'],
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    child.once('message', (answer) => {
      resolve(answer as T);
      child.kill('SIGTERM');
    });
    child.once('error', reject);
    child.once('exit', (code) => reject(new Error(`${program.pathname} ended with ${code}`)));
    child.send(input as object);
    until?.then(() => child.send('stop'));
  });
}

/** A bare peer that goes on running until it is stopped; resolves with its port. */
export async function peer(program: URL): Promise<{ port: number; stop(): void }> {
  const child = fork(program, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  const port = await new Promise<number>((resolve, reject) => {
    child.once('message', (message) => resolve(message as number));
    child.once('exit', (code) => reject(new Error(`${program.pathname} ended with ${code}`)));
  });
  return { port, stop: () => child.kill('SIGTERM') };
}
