import { spawn } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { childEnvironment } from './platform/config/child-environment.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const output = join(root, 'web/dist/index.html');
const sources = ['web/src', 'web/public', 'web/index.html', 'web/vite.config.ts', 'contract/src'];

/** Builds the web interface when there is none, or when its sources are newer: a clone has only the sources. */
export async function ensureWebIsBuilt({ onBuild }: { onBuild?: () => void } = {}): Promise<void> {
  if (existsSync(output) && newestOf(sources.map((source) => join(root, source))) <= statSync(output).mtimeMs) return;
  onBuild?.();
  const vite = join(root, 'node_modules/vite/bin/vite.js');
  const child = spawn(process.execPath, [vite, 'build', '--logLevel', 'error'], {
    cwd: join(root, 'web'),
    stdio: ['ignore', 'ignore', 'inherit'],
    // Whoever asks for it, a test above all: the dashboard that is served is never React's slow development build.
    env: { ...childEnvironment({}), NODE_ENV: 'production' },
  });
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', resolve);
  });
  if (code !== 0)
    throw new WebBuildError('the dashboard could not be built: run "npm ci" again, then "npm -w web run build"');
}

export class WebBuildError extends Error {
  override readonly name = 'WebBuildError';
}

function newestOf(paths: readonly string[]): number {
  let newest = 0;
  for (const path of paths) {
    if (!existsSync(path)) continue;
    const entry = statSync(path);
    newest = Math.max(
      newest,
      entry.isDirectory() ? newestOf(readdirSync(path).map((name) => join(path, name))) : entry.mtimeMs,
    );
  }
  return newest;
}

// `node server/src/build-web.ts`, before tests that look at it.
if (import.meta.main) await ensureWebIsBuilt();
