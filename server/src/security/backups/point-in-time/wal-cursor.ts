import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { once } from '../../../lib/blocks.ts';
import { writeCompleteFile } from '../../../platform/files/complete-file.ts';

// How far the log was sent, in a file of the data folder: not in the database, whose log would grow by every word about itself.

const cursor = z.strictObject({
  /** Of the database server. */
  system: z.string().regex(/^\d{1,20}$/),
  /** Where it is sent to. */
  place: z.string().max(1_000),
  chain: z.string().regex(/^[0-9a-f]{16}$/),
  /** The last one that was sent, and the digest of what was signed about it; null in a chain that has none yet. */
  last: z
    .strictObject({
      segment: z.string().length(24),
      note: z.string().length(64),
      /** When it was finished; not yet in what an older release wrote. */
      finishedAt: z.iso.datetime().optional(),
    })
    .nullable(),
});
export type WalCursor = z.output<typeof cursor>;
/** The last one of a chain that was sent. Whoever can write to the store cannot change what is known of it here. */
export type LastSent = NonNullable<WalCursor['last']>;

const FILE = 'wal-cursor.json';
const fileIn = (dataDir: string): string => join(dataDir, FILE);

/** Undefined where there is none that can be read: then a new chain is begun, which loses nothing but time to go back in. */
export function readWalCursor(dataDir: string): WalCursor | undefined {
  try {
    return cursor.parse(JSON.parse(readFileSync(fileIn(dataDir), 'utf8')));
  } catch {
    return undefined;
  }
}

export async function writeWalCursor(dataDir: string, content: WalCursor): Promise<void> {
  const bytes = Buffer.from(`${JSON.stringify(content)}\n`);
  await writeCompleteFile({ target: fileIn(dataDir), replaces: true }, once(bytes));
}

/** Whatever is sent next continues nothing. */
export function forgetWalCursor(dataDir: string): void {
  rmSync(fileIn(dataDir), { force: true });
}
