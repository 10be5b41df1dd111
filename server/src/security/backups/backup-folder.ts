import { closeSync, openSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Blocks } from '../../lib/blocks.ts';
import { writeCompleteFile } from '../../platform/files/complete-file.ts';
import { readBlocks } from '../../platform/files/read-blocks.ts';
import { BackupError } from './backup-error.ts';
import { backupName, timeOf } from './manifest.ts';

/** Where backups are kept. A backup is there once its manifest is, which is written last. */
export interface BackupStore {
  /** For messages. */
  readonly place: string;
  /** Oldest first. */
  names(): Promise<string[]>;
  manifest(name: string): Promise<string>;
  /** The encrypted file, and how long it is; undefined where it is gone. */
  file(name: string): Promise<{ readonly bytes: number; readonly blocks: Blocks } | undefined>;
  keepFile(name: string, blocks: Blocks): Promise<void>;
  keepManifest(name: string, text: string): Promise<void>;
  /** Its manifest first: from then on it is none. With what drills found. */
  remove(name: string): Promise<void>;
  /** What a drill found. */
  keepReport(name: string, at: Date, text: string): Promise<void>;
}

const FILE = '.tar.zst.age';
const MANIFEST = '.manifest';
const REPORT = '.drill-';
const MAX_MANIFEST_BYTES = 64 * 1024;

/** A folder, each backup two files of mode 600 in it. Other files are left alone. */
export function backupFolder(folder: string): BackupStore {
  const at = (name: string, ending: string): string => join(folder, `${name}${ending}`);
  return {
    place: folder,
    async names() {
      const found = reading(folder, () => readdirSync(folder));
      const names = found.filter((file) => file.endsWith(MANIFEST)).map((file) => file.slice(0, -MANIFEST.length));
      return names.filter((name) => backupName.safeParse(name).success).sort();
    },
    async manifest(name) {
      const path = at(name, MANIFEST);
      const { size } = reading(path, () => statSync(path));
      if (size > MAX_MANIFEST_BYTES) throw new BackupError('damaged', `${path} is over 64 KiB, which is no manifest`);
      return reading(path, () => readFileSync(path, 'utf8'));
    },
    async file(name) {
      const path = at(name, FILE);
      const status = statSync(path, { throwIfNoEntry: false });
      if (!status?.isFile()) return undefined;
      const descriptor = reading(path, () => openSync(path, 'r'));
      return { bytes: status.size, blocks: closing(descriptor) };
    },
    keepFile: (name, blocks) => writeCompleteFile({ target: at(name, FILE), replaces: false }, blocks),
    keepManifest: (name, text) =>
      writeCompleteFile({ target: at(name, MANIFEST), replaces: false }, once(Buffer.from(text))),
    async remove(name) {
      const reports = readdirSync(folder).filter((file) => file.startsWith(`${name}${REPORT}`));
      for (const file of [`${name}${MANIFEST}`, `${name}${FILE}`, ...reports])
        rmSync(join(folder, file), { force: true });
    },
    keepReport: (name, date, text) =>
      writeCompleteFile({ target: at(name, `${REPORT}${timeOf(date)}`), replaces: false }, once(Buffer.from(text))),
  };
}

async function* closing(descriptor: number): AsyncGenerator<Uint8Array> {
  try {
    yield* readBlocks(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

async function* once(block: Uint8Array): AsyncGenerator<Uint8Array> {
  yield block;
}

function reading<T>(path: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new BackupError('unusable', code === 'ENOENT' ? `there is no ${path}` : `${path} cannot be read: ${code}`, {
      cause: error,
    });
  }
}
