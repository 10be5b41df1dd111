import { hash } from 'node:crypto';
import { z } from 'zod';
import { canonicalJson } from '../../lib/canonical-json.ts';
import {
  isSignedBy,
  NoteError,
  type NoteVerifier,
  parseNote,
  type SignedNote,
  signerOf,
  signNote,
} from '../../lib/transparency/signed-note.ts';
import type { AuditKey } from '../audit/audit-key.ts';
import { BackupError } from './backup-error.ts';

// What a backup is, as a note that the key of the audit log has signed: `valtronics-backup/1`, a line of canonical JSON, the signature.
//
// Why this is safe:
// - Encryption to age recipients says nothing about who encrypted: a recipient is a public key. The signature does; without it, whoever can write
//   to the folder could put a database of their own making there and wait for it to be restored.
// - It covers the digest of the encrypted file, so that damage is seen by whoever holds no identity, and the digest of the list of what is in
//   it, so that what was decrypted is what was signed.
// - It names the backup. A good manifest beside another good backup's file, or under another's name, is damage.
// - The first line is no origin of a log, whose names end in `/audit/…`, so no signed note of the log reads as a manifest or the other way round.

const HEADING = 'valtronics-backup/1';
const MAX_RECIPIENTS = 100;

/** Sorts by time; nothing else in it means anything. */
export const backupName = z.string().regex(/^valtronics-\d{8}T\d{6}Z-[0-9a-f]{8}$/, 'is no name of a backup');
const sha256 = z.string().regex(/^[0-9a-f]{64}$/);
const count = z.int().nonnegative();

const manifest = z.strictObject({
  name: backupName,
  at: z.iso.datetime(),
  database: z.strictObject({ postgres: z.string().max(80), migration: z.string().max(200) }),
  file: z.strictObject({ bytes: count, sha256 }),
  contents: z.strictObject({ sha256, tables: count, rows: count, bytes: count }),
  /** How many can open it. Not who: that is nobody's business who finds the file. */
  recipients: z.int().min(1).max(MAX_RECIPIENTS),
});
export type Manifest = z.output<typeof manifest>;

export interface ReadManifest {
  readonly manifest: Manifest;
  readonly note: SignedNote;
}

/** In names of files. */
export const timeOf = (date: Date): string => date.toISOString().replaceAll(/[-:]|\.\d+/g, '');

export const newBackupName = (at: Date, random: Buffer): string =>
  `valtronics-${timeOf(at)}-${random.toString('hex', 0, 4)}`;

export const signManifest = (content: Manifest, key: AuditKey): string => signDocument(HEADING, content, key);

/** A heading that says what it is, one line of canonical JSON, and the signature. */
export function signDocument(heading: string, content: object, key: AuditKey): string {
  return signNote(`${heading}\n${canonicalJson(content)}\n`, signerOf(key.verifier.name, key.seed));
}

/** Throws a BackupError where the text is no manifest of this backup. Who signed it is another question. */
export function readManifest(text: string, name: string): ReadManifest {
  const note = parsed(text);
  const [, line] = /^valtronics-backup\/1\n([^\n]+)\n$/.exec(note.text) ?? [];
  if (line === undefined) throw damaged(name, 'its manifest is none');
  const found = manifest.safeParse(fromJson(line));
  // One manifest has one text: there is nothing in it that is signed and not seen.
  if (!found.success || canonicalJson(found.data) !== line) throw damaged(name, 'its manifest cannot be read');
  if (found.data.name !== name) throw damaged(name, `its manifest is that of ${found.data.name}`);
  return { manifest: found.data, note };
}

/** Throws a BackupError unless one of the keys has signed it. */
export function assertSigned(
  { manifest: { name }, note }: { readonly manifest: { readonly name: string }; readonly note: SignedNote },
  keys: readonly NoteVerifier[],
): void {
  try {
    if (keys.some((key) => isSignedBy(note, key))) return;
  } catch (error) {
    if (!(error instanceof NoteError)) throw error;
    throw damaged(name, 'its manifest was altered after it was signed');
  }
  const signers = note.signatures.map((signature) => signature.name).join(', ');
  throw new BackupError('stranger', `${name} is signed by ${signers}, which is not a key that is believed here`);
}

export const digestOf = (text: string): string => hash('sha256', text, 'hex');

export const damaged = (name: string, what: string, cause?: unknown): BackupError =>
  new BackupError('damaged', `${name} is not the backup that was made: ${what}. Take another one`, { cause });

function parsed(text: string): SignedNote {
  try {
    return parseNote(text);
  } catch (error) {
    throw new BackupError(
      'damaged',
      `the manifest is no signed note (${(error as Error).message}): take another backup`,
      {
        cause: error,
      },
    );
  }
}

function fromJson(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
