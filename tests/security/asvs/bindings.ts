import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../../..', import.meta.url));

const TAG = /\[ASVS ([^\]]*)\]/g;
const SKIPPED = new Set(['node_modules', 'dist']);
/** These speak about tags and carry none. */
const ABOUT_TAGS = 'tests/security/asvs/report.test.ts';

/** The ids in a title, `[ASVS 6.2.1, 6.2.3]`, in the order they stand there. */
export const idsIn = (title: string): string[] =>
  [...title.matchAll(TAG)].flatMap(([, ids = '']) => ids.split(',').map((id) => id.trim()));

/** Requirement id -> the test files whose source names it, sorted. */
export type Bindings = ReadonlyMap<string, readonly string[]>;

/** Read off the source, so that a test that never ran is still known to be missing. */
export function scanBindings(): Bindings {
  const files = ['contract/src', 'server/src', 'simulator/src', 'web/src', 'tests'].flatMap(testFilesBelow);
  const found = new Map<string, Set<string>>();
  for (const file of files.filter((path) => path !== ABOUT_TAGS)) {
    for (const id of idsIn(readFileSync(join(root, file), 'utf8'))) {
      found.set(id, (found.get(id) ?? new Set()).add(file));
    }
  }
  return new Map([...found].map(([id, named]) => [id, [...named].sort()]));
}

function testFilesBelow(folder: string): string[] {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory()) return SKIPPED.has(entry.name) ? [] : testFilesBelow(path);
    return /\.test\.tsx?$/.test(entry.name) ? [path] : [];
  });
}
