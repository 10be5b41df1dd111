import { createHash } from 'node:crypto';
import type { Blocks } from '../../lib/blocks.ts';
import type { TableDump } from '../../platform/db/dump/dump-tables.ts';
import { compress } from '../../platform/files/zstd.ts';
import type { AuditKey } from '../audit/audit-key.ts';
import { encryptFile } from '../crypto/files/file-encryption.ts';
import { type ContentsSummary, writeArchive } from './archive.ts';
import type { BackupStore } from './backup-store.ts';
import { type Manifest, signManifest } from './manifest.ts';
import { paced } from './paced.ts';

export interface NewBackup {
  readonly dump: TableDump;
  readonly store: BackupStore;
  /** `age1…` */
  readonly recipients: readonly string[];
  readonly key: AuditKey;
  readonly name: string;
  readonly at: Date;
  /** Bytes of rows, before they are compressed. */
  onProgress(bytes: number): void;
  readonly signal: AbortSignal;
  /** Leaves most of the machine to others. */
  readonly isGentle: boolean;
}

/**
 * Makes a backup in one pass, in constant memory: rows → tar → zstd → age → store. Nothing unencrypted touches a disk. The keys that open
 * what is sealed in the rows are not among them: they derive from the root key, which is in no database.
 */
export async function createBackup(
  backup: NewBackup,
): Promise<{ readonly manifest: Manifest; readonly signed: string }> {
  const { dump, store, recipients, key, name, at, onProgress, signal, isGentle } = backup;
  const digest = createHash('sha256');
  let [bytes, contents]: [number, ContentsSummary | undefined] = [0, undefined];
  const archive = writeArchive(dump, (summary) => {
    contents = summary;
  });
  const rows = watched(isGentle ? paced(archive) : archive, (block) => {
    signal.throwIfAborted();
    onProgress(block.length);
  });
  const { blocks } = await encryptFile(compress(rows), { recipients });
  await store.keepFile(
    name,
    watched(blocks, (block) => {
      digest.update(block);
      bytes += block.length;
    }),
  );
  if (!contents) throw new Error('the archive ended without its contents');
  const manifest: Manifest = {
    name,
    at: at.toISOString(),
    database: { postgres: dump.serverVersion, migration: dump.migrations.at(-1)?.name ?? '' },
    file: { bytes, sha256: digest.digest('hex') },
    contents,
    recipients: recipients.length,
  };
  const signed = signManifest(manifest, key);
  await store.keepManifest(name, signed);
  return { manifest, signed };
}

/** Whoever watches sees each block before its reader does. */
export async function* watched(blocks: Blocks, see: (block: Uint8Array) => void): AsyncGenerator<Uint8Array> {
  for await (const block of blocks) {
    see(block);
    yield block;
  }
}
