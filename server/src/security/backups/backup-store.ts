import { type Blocks, once } from '../../lib/blocks.ts';
import type { Storage } from '../../platform/storage/storage.ts';
import { BackupError } from './backup-error.ts';
import { backupName, timeOf } from './manifest.ts';
import { reading } from './reading.ts';

/** Where backups are kept. A backup is there once its manifest is, which is written last. */
export interface BackupStore {
  /** For messages. */
  readonly place: string;
  /** Oldest first. */
  names(): Promise<string[]>;
  manifest(name: string): Promise<string>;
  /** Whatever has anything there: also what is none, for want of a manifest. */
  pieces(): Promise<ReadonlySet<string>>;
  /** The encrypted file, and how long it is; undefined where it is gone. */
  file(name: string): Promise<{ readonly bytes: number; readonly blocks: Blocks } | undefined>;
  /** How long the encrypted file is; undefined where it is gone. */
  bytes(name: string): Promise<number | undefined>;
  keepFile(name: string, blocks: Blocks): Promise<void>;
  keepManifest(name: string, text: string): Promise<void>;
  /** Its manifest first: from then on it is none. With what drills found. */
  remove(name: string): Promise<void>;
  /** What a drill found. */
  keepReport(name: string, at: Date, text: string): Promise<void>;
  /** Throws away what was never written to its end, if nobody is at it since then. */
  sweep(before: Date): Promise<void>;
}

const FILE = '.tar.zst.age';
const MANIFEST = '.manifest';
const REPORT = '.drill-';
const MAX_MANIFEST_BYTES = 64 * 1024;

/** Each backup is two files, and one more for each drill. Other files are left alone. */
export function backupStore(storage: Storage): BackupStore {
  const { place } = storage;
  return {
    place,
    names: () =>
      reading(async () => {
        const found = await storage.names();
        const names = found.filter((file) => file.endsWith(MANIFEST)).map((file) => file.slice(0, -MANIFEST.length));
        return names.filter((name) => backupName.safeParse(name).success).sort();
      }),
    manifest: (name) =>
      reading(async () => {
        const found = await storage.read(`${name}${MANIFEST}`);
        if (!found) throw new BackupError('unusable', `there is no ${name}${MANIFEST} in ${place}`);
        if (found.bytes > MAX_MANIFEST_BYTES)
          throw new BackupError('damaged', `${name}${MANIFEST} in ${place} is over 64 KiB, which is no manifest`);
        const parts: Buffer[] = [];
        for await (const block of found.blocks) parts.push(Buffer.from(block));
        return Buffer.concat(parts).toString('utf8');
      }),
    pieces: () =>
      reading(async () => {
        const names = (await storage.names()).map((file) => file.split('.', 1)[0] ?? '');
        return new Set(names.filter((name) => backupName.safeParse(name).success));
      }),
    bytes: (name) => reading(() => storage.size(`${name}${FILE}`)),
    sweep: (before) => reading(() => storage.sweep(before)),
    file: (name) => reading(() => storage.read(`${name}${FILE}`)),
    keepFile: (name, blocks) => storage.write(`${name}${FILE}`, blocks),
    keepManifest: (name, text) => storage.write(`${name}${MANIFEST}`, once(Buffer.from(text))),
    async remove(name) {
      const reports = (await storage.names()).filter((file) => file.startsWith(`${name}${REPORT}`));
      for (const file of [`${name}${MANIFEST}`, `${name}${FILE}`, ...reports]) await storage.remove(file);
    },
    keepReport: (name, date, text) => storage.write(`${name}${REPORT}${timeOf(date)}`, once(Buffer.from(text))),
  };
}
