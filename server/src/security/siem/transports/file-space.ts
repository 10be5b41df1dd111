import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';

/** The room that the files of all organisations take in the data folder, where the database lies too. */
export interface FileSpace {
  /** Before so much is written there: once they take too much, whoever takes more than an equal share loses its oldest. */
  makeRoomFor(bytes: number): Promise<void>;
}

interface Kept {
  readonly path: string;
  readonly bytes: number;
  readonly at: number;
  readonly isWrittenTo: boolean;
}

const MOST_BYTES = 20 * 1024 ** 3;
const CHECK_EVERY_BYTES = 64 * 1024 ** 2;
/** A file that is not rotated yet and was written to so recently is somebody's place to write. */
const IN_USE_MS = 60_000;
const CURRENT = /^events\.(jsonl|cef)$/;

/**
 * Each destination bounds itself, but an administrator of any organisation makes destinations, and leaves folders behind by removing them.
 * So there is a bound for all. Nobody loses a file because of another who takes more than they do.
 */
export function createFileSpace(
  folder: string,
  { mostBytes = MOST_BYTES, checkEveryBytes = CHECK_EVERY_BYTES } = {},
): FileSpace {
  let unchecked = Number.POSITIVE_INFINITY;
  let checking: Promise<void> | undefined;

  async function check(): Promise<void> {
    const organisations = await Promise.all((await foldersIn(folder)).map(filesOf));
    const sizes = organisations.map(sizeOf);
    if (sizes.reduce((sum, size) => sum + size, 0) <= mostBytes) return;
    const share = mostBytes / organisations.length;
    for (const [nth, files] of organisations.entries()) {
      let size = sizes[nth] ?? 0;
      for (const file of files.filter(({ isWrittenTo }) => !isWrittenTo).sort((a, b) => a.at - b.at)) {
        if (size <= share) break;
        await rm(file.path, { force: true });
        size -= file.bytes;
      }
    }
  }

  return {
    async makeRoomFor(bytes) {
      unchecked += bytes;
      if (unchecked < checkEveryBytes) return;
      unchecked = 0;
      checking ??= check().finally(() => {
        checking = undefined;
      });
      await checking;
    },
  };
}

const sizeOf = (files: readonly Kept[]): number => files.reduce((sum, { bytes }) => sum + bytes, 0);

async function foldersIn(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true });
  return entries.filter((entry) => entry.isDirectory()).map(({ name }) => join(folder, name));
}

async function filesOf(organisation: string): Promise<Kept[]> {
  const files: Kept[] = [];
  for (const folder of await foldersIn(organisation))
    for (const name of await readdir(folder)) {
      const path = join(folder, name);
      // Rotated away meanwhile it is another's turn.
      const found = await stat(path).catch(() => undefined);
      if (!found?.isFile()) continue;
      const isWrittenTo = CURRENT.test(name) && Date.now() - found.mtimeMs < IN_USE_MS;
      files.push({ path, bytes: found.size, at: found.mtimeMs, isWrittenTo });
    }
  return files;
}
