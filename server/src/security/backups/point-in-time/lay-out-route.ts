import { join } from 'node:path';
import { TarError } from '../../../lib/tar.ts';
import { SEGMENT_BYTES } from '../../../platform/db/wal-segments.ts';
import { unpackTar, writeSparse } from '../../../platform/files/unpack.ts';
import { damaged } from '../manifest.ts';
import type { ReadingOptions } from '../open-backup.ts';
import type { ChainStore } from './chain-store.ts';
import type { Route } from './reachable.ts';
import { openSealed } from './seal-file.ts';

/** Puts the files of the base into one folder and the segments into another. What is there is good only once this returns. Throws a BackupError. */
export async function layOutRoute(
  store: ChainStore,
  route: Route,
  options: ReadingOptions & { readonly identities: readonly string[] },
  folders: { readonly data: string; readonly log: string },
): Promise<void> {
  const { content: base } = route.base;
  try {
    await unpackTar(openSealed(store, base, options), folders.data);
  } catch (error) {
    throw error instanceof TarError ? damaged(base.name, error.message, error) : error;
  }
  for (const segment of route.segments) {
    const bytes = await writeSparse(join(folders.log, segment.segment), openSealed(store, segment, options));
    if (bytes !== SEGMENT_BYTES) throw damaged(segment.name, 'it is not of 16 MiB');
  }
}
