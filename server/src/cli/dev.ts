// `npm run dev`: the platform with watch; `npm run dev -- --demo` the demo with watch.
//
// The server serves the built web interface in development as it does in production: one origin, one certificate, one content security
// policy, one cookie. A development server of Vite's would need a proxy in front with other headers and inline scripts, and what works
// there would still have to be tried here. So Vite builds on every change (about a second), and the server is stopped and started again
// with its database: the way a start and a stop go is tried a hundred times a day. (Node's own --watch may start the next process
// before the last one has let go of its ports.)

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { statSync, watch } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { childEnvironment } from '../platform/config/child-environment.ts';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const page = join(root, 'web/dist/index.html');
const sources = ['server/src', 'server/migrations', 'contract/src', 'simulator/src'];
const isDemo = process.argv.includes('--demo');
const program = isDemo ? ['server/src/cli/valtronics.ts', 'demo'] : ['server/src/main.ts'];
const FIRST_BUILD_WITHIN_MS = 120_000;
/** Editors and branch switches write many files; one restart is enough. */
const SETTLED_AFTER_MS = 300;

const builtAt = (): number => statSync(page, { throwIfNoEntry: false })?.mtimeMs ?? 0;
const say = (text: string): void => void process.stderr.write(`dev: ${text}\n`);

const started = Date.now();
const vite = spawn(
  process.execPath,
  [join(root, 'node_modules/vite/bin/vite.js'), 'build', '--watch', '--logLevel', 'warn', '--emptyOutDir', 'false'],
  { cwd: join(root, 'web'), stdio: ['ignore', 'inherit', 'inherit'] },
);
process.on('exit', () => vite.kill());
while (builtAt() < started) {
  if (vite.exitCode !== null || Date.now() - started > FIRST_BUILD_WITHIN_MS) {
    say('the dashboard could not be built');
    process.exit(1);
  }
  await delay(100);
}

let server: ChildProcess | undefined;
let stopping = false;
let changed = Promise.withResolvers<string>();
let settling: NodeJS.Timeout | undefined;

function notice(name: string): void {
  clearTimeout(settling);
  settling = setTimeout(() => changed.resolve(name), SETTLED_AFTER_MS);
}

for (const folder of sources) {
  watch(join(root, folder), { recursive: true }, (_, name) => {
    if (name !== null && /\.(ts|sql)$/.test(name) && !name.endsWith('.test.ts')) notice(join(folder, name));
  });
}
watch(join(root, 'web/dist'), (_, name) => {
  if (name === 'index.html') notice('the dashboard');
});

function stop(): void {
  stopping = true;
  changed.resolve('');
}
process.on('SIGINT', stop);
process.on('SIGTERM', stop);

while (!stopping) {
  changed = Promise.withResolvers();
  const running = spawn(process.execPath, program, {
    cwd: root,
    stdio: 'inherit',
    // Ctrl-C would reach it too, and we would not know whether it ended by itself.
    detached: true,
    // A folder of its own: migrations are edited until they are released.
    env: childEnvironment({ VALTRONICS_DATA_DIR: isDemo ? './data-demo' : './data-dev' }),
  });
  server = running;
  const ended = once(running, 'exit').then(() => {
    if (server === running && !stopping) say('it ended; the next change starts it again');
  });
  const name = await changed.promise;
  server = undefined;
  if (!stopping) say(`${name} changed: starting again`);
  if (running.exitCode === null && running.signalCode === null) running.kill('SIGTERM');
  await ended;
}
process.exit(0);
