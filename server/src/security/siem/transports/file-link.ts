import { mkdir, realpath } from 'node:fs/promises';
import { isAbsolute, join, relative } from 'node:path';
import { OutboundError } from '../../../platform/outbound/outbound-error.ts';
import { createEventFile } from '../../events/event-file.ts';
import type { Destination } from '../destination.ts';
import { renderWithin } from '../formats/format.ts';
import type { FileSpace } from './file-space.ts';
import type { Link } from './link.ts';

const MAX_EVENT_BYTES = 65_536;
const FILE_BYTES = 64 * 1024 * 1024;
const MOST_FILES = 8;

export interface FilePlaces {
  /** Of the data folder: each organisation has a folder of its own in it. */
  readonly ownFolder: string;
  /** Beside it, the folders that the host's owner named. */
  readonly allowedFolders: readonly string[];
}

/** A folder by name lies among those of its organisation; an absolute path must lie in a folder that the host's owner allows. */
export function folderOf(
  { target, organisationId }: Pick<Destination, 'target' | 'organisationId'>,
  { ownFolder, allowedFolders }: FilePlaces,
): string | undefined {
  if (/^[a-z0-9][a-z0-9_-]{0,63}$/.test(target)) return join(ownFolder, String(organisationId), target);
  if (!isAbsolute(target) || target !== join(target, '.').replace(/\/$/, '')) return undefined;
  return allowedFolders.some((allowed) => isWithin(target, allowed)) ? target : undefined;
}

/** A line for each event; on the disk when it is acknowledged. */
export function createFileLink(
  destination: Pick<Destination, 'target' | 'organisationId' | 'format'>,
  places: FilePlaces,
  space: FileSpace,
): Link {
  const { format } = destination;

  /** Where it really is: a link inside must not lead out of what is allowed. */
  async function realFolder(): Promise<string> {
    const folder = folderOf(destination, places);
    if (folder === undefined) throw new OutboundError('refused', 'the folder is not one that may be written to');
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const real = await realpath(folder);
    const roots = await Promise.all(
      [places.ownFolder, ...places.allowedFolders].map((root) => realpath(root).catch(() => root)),
    );
    if (!roots.some((root) => isWithin(real, root)))
      throw new OutboundError('refused', 'the folder is not one that may be written to');
    return real;
  }

  return {
    acknowledges: true,
    connect: async () => undefined,
    async send(events) {
      const lines = events.map(({ event }) => `${renderWithin(format, event, MAX_EVENT_BYTES)}\n`);
      const name = `events.${format === 'cef' ? 'cef' : 'jsonl'}`;
      try {
        const path = join(await realFolder(), name);
        // A folder that the host's owner named is theirs to look after.
        if (!isAbsolute(destination.target)) await space.makeRoomFor(Buffer.byteLength(lines.join('')));
        await createEventFile(path, { mostBytes: FILE_BYTES, mostFiles: MOST_FILES, isDurable: true }).append(lines);
        return { refused: 0, answer: `written to ${name}` };
      } catch (error) {
        if (error instanceof OutboundError) throw error;
        const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown';
        throw new OutboundError('unreachable', `the file could not be written (${code})`, { cause: error });
      }
    },
    fault: () => undefined,
    confirm: async () => undefined,
    close: async () => undefined,
  };
}

function isWithin(path: string, folder: string): boolean {
  const way = relative(folder, path);
  return way === '' || !(way === '..' || way.startsWith('../') || isAbsolute(way));
}
