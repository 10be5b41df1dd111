import { type Blocks, once } from '../../../lib/blocks.ts';
import { isSegment } from '../../../platform/db/wal-segments.ts';
import { placeBelow, type Storage } from '../../../platform/storage/storage.ts';
import { BackupError } from '../backup-error.ts';
import { reading } from '../reading.ts';
import { baseName } from './vouched-note.ts';

/** Where bases and segments are kept, beside the backups. One is there once what is signed about it is, which is written last. */
export interface ChainStore {
  /** For messages. */
  readonly place: string;
  list(): Promise<{
    /** Oldest first. */
    readonly bases: readonly string[];
    /** By chain, in the order of the log. */
    readonly chains: ReadonlyMap<string, readonly string[]>;
  }>;
  note(name: string): Promise<string>;
  hasNote(name: string): Promise<boolean>;
  file(name: string): Promise<{ readonly bytes: number; readonly blocks: Blocks } | undefined>;
  /** How long the file is; undefined where it is gone. */
  bytes(name: string): Promise<number | undefined>;
  keepFile(name: string, blocks: Blocks): Promise<void>;
  keepNote(name: string, text: string): Promise<void>;
  /** What was begun and never signed. */
  removeFile(name: string): Promise<void>;
  /** Names of bases that have files, complete or not. */
  pieces(): Promise<ReadonlySet<string>>;
  sweep(before: Date): Promise<void>;
  /** What is signed first: from then on it is none. */
  remove(name: string): Promise<void>;
}

const FOLDER = 'point-in-time';
const NOTE = '.manifest';
const MAX_NOTE_BYTES = 16 * 1024;

/** Where they are kept, of a place of backups. */
export const chainPlaceIn = (place: string): string => placeBelow(place, FOLDER);

export const segmentName = (chain: string, segment: string): string => `${chain}-${segment}`;

const isBase = (name: string): boolean => baseName.safeParse(name).success;
const fileOf = (name: string): string => (isBase(name) ? `${name}.tar.zst.age` : `${name}.zst.age`);

/** In a folder of their own, so that a segment a minute does not lie between the backups. Other files are left alone. */
export function chainStore(around: Storage): ChainStore {
  const storage = around.below(FOLDER);
  const { place } = storage;

  async function noteOf(name: string): Promise<string | undefined> {
    const found = await storage.read(`${name}${NOTE}`);
    if (!found) return undefined;
    if (found.bytes > MAX_NOTE_BYTES)
      throw new BackupError('damaged', `${name}${NOTE} in ${place} is over 16 KiB, which is no manifest`);
    const parts: Buffer[] = [];
    for await (const block of found.blocks) parts.push(Buffer.from(block));
    return Buffer.concat(parts).toString('utf8');
  }

  return {
    place,

    list: () =>
      reading(async () => {
        const names = (await storage.names())
          .filter((file) => file.endsWith(NOTE))
          .map((file) => file.slice(0, -NOTE.length));
        const chains = new Map<string, string[]>();
        for (const name of names.sort()) {
          const [, chain = '', segment = ''] = /^([0-9a-f]{16})-(.+)$/.exec(name) ?? [];
          if (!isSegment(segment)) continue;
          const known = chains.get(chain) ?? [];
          known.push(segment);
          chains.set(chain, known);
        }
        return { bases: names.filter(isBase), chains };
      }),

    note: (name) =>
      reading(async () => {
        const text = await noteOf(name);
        if (text === undefined) throw new BackupError('damaged', `${name}${NOTE} is missing in ${place}`);
        return text;
      }),

    hasNote: (name) => reading(async () => (await noteOf(name)) !== undefined),
    file: (name) => reading(() => storage.read(fileOf(name))),
    bytes: (name) => reading(() => storage.size(fileOf(name))),
    keepFile: (name, blocks) => storage.write(fileOf(name), blocks),
    keepNote: (name, text) => storage.write(`${name}${NOTE}`, once(Buffer.from(text))),
    pieces: () =>
      reading(async () => new Set((await storage.names()).map((file) => file.split('.')[0] ?? '').filter(isBase))),
    sweep: (before) => storage.sweep(before),
    removeFile: (name) => storage.remove(fileOf(name)),

    async remove(name) {
      for (const file of [`${name}${NOTE}`, fileOf(name)]) await storage.remove(file);
    },
  };
}
