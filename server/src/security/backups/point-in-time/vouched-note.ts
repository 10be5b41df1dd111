import { timingSafeEqual } from 'node:crypto';
import { z } from 'zod';
import { canonicalJson } from '../../../lib/canonical-json.ts';
import { type NoteVerifier, parseNote, type SignedNote } from '../../../lib/transparency/signed-note.ts';
import type { AuditKey } from '../../audit/audit-key.ts';
import type { KeyRing } from '../../crypto/key-ring.ts';
import { BackupError } from '../backup-error.ts';
import { assertSigned, damaged, signDocument } from '../manifest.ts';

// What says of a base or of a segment that it is ours: a heading, a line of canonical JSON, the signature of the audit log's key, as manifests of
// backups are; and within the line a voucher, which only the root key can make.
//
// Why a voucher besides the signature: a base is a whole data folder of PostgreSQL, settings and libraries included. Whoever starts one that somebody
// else made runs their code, so it must be judged before anything in it is believed. The public key of the audit log lies in the database that is to be
// restored; the root key lies here, or nothing is restored. HMAC-SHA-256 over what the line says besides, under a key derived for this alone.

const sha256 = z.string().regex(/^[0-9a-f]{64}$/);
const count = z.int().nonnegative();
const segment = z.string().regex(/^[0-9A-F]{24}$/);
const place = z.string().regex(/^[0-9A-F]{1,8}\/[0-9A-F]{1,8}$/);
const chain = z.string().regex(/^[0-9a-f]{16}$/);

/** One unbroken stretch of the log, as one server sent it. */
const segmentNote = z.strictObject({
  name: z.string().regex(/^[0-9a-f]{16}-[0-9A-F]{24}$/),
  chain,
  segment,
  /** What was acknowledged before that is in it or before it. */
  finishedAt: z.iso.datetime(),
  file: z.strictObject({ bytes: count, sha256 }),
  plain: z.strictObject({ sha256 }),
  /** Digest of the note before it in its chain. */
  previous: sha256.nullable(),
  vouched: sha256,
});
export type SegmentNote = z.output<typeof segmentNote>;

export const baseName = z.string().regex(/^base-\d{8}T\d{6}Z-[0-9a-f]{8}$/, 'is no name of a base');

const baseNote = z.strictObject({
  name: baseName,
  startedAt: z.iso.datetime(),
  /** The first moment that can be gone back to with it. */
  endedAt: z.iso.datetime(),
  postgres: z.string().max(80),
  chain,
  /** The segments without which it is no database. */
  from: z.strictObject({ segment, lsn: place }),
  to: z.strictObject({ segment, lsn: place }),
  file: z.strictObject({ bytes: count, sha256 }),
  recipients: z.int().min(1).max(100),
  vouched: sha256,
});
export type BaseNote = z.output<typeof baseNote>;

const kinds = {
  segment: { heading: 'valtronics-wal/1', schema: segmentNote },
  base: { heading: 'valtronics-base/1', schema: baseNote },
} as const;
type Kind = keyof typeof kinds;
export type NoteOf<K extends Kind> = z.output<(typeof kinds)[K]['schema']>;

export interface ReadNote<K extends Kind> {
  readonly content: NoteOf<K>;
  readonly note: SignedNote;
}

export interface Vouching {
  readonly key: AuditKey;
  readonly keyRing: KeyRing;
}

export function writeNote<K extends Kind>(
  kind: K,
  content: Omit<NoteOf<K>, 'vouched'>,
  { key, keyRing }: Vouching,
): string {
  const { heading } = kinds[kind];
  return signDocument(heading, { ...content, vouched: voucher(heading, content, keyRing) }, key);
}

/** Throws a BackupError where the text is no note of this kind and name. Who made it is another question. */
export function readNote<K extends Kind>(kind: K, text: string, name: string): ReadNote<K> {
  const { heading, schema } = kinds[kind];
  let note: SignedNote;
  let line: string | undefined;
  let found: unknown;
  try {
    note = parseNote(text);
    const [first, second, ...more] = note.text.split('\n');
    line = first === heading && more.length === 1 && more[0] === '' ? second : undefined;
    found = schema.parse(JSON.parse(line ?? ''));
  } catch (error) {
    throw damaged(name, 'what is signed about it cannot be read', error);
  }
  const content = found as NoteOf<K>;
  // One content has one text: there is nothing in it that is signed and not seen.
  if (canonicalJson(content) !== line) throw damaged(name, 'what is signed about it cannot be read');
  if (content.name !== name) throw damaged(name, `what is signed is about ${content.name}`);
  return { content, note };
}

/** Throws a BackupError unless the root key vouches for it and, where keys are given, one of them has signed it. */
export function assertOurs<K extends Kind>(
  kind: K,
  { content, note }: ReadNote<K>,
  keyRing: KeyRing,
  keys?: readonly NoteVerifier[],
): void {
  const { vouched, ...rest } = content;
  const expected = voucher(kinds[kind].heading, rest, keyRing);
  if (!timingSafeEqual(Buffer.from(vouched, 'hex'), Buffer.from(expected, 'hex')))
    throw new BackupError(
      'stranger',
      `the root key of this data folder does not vouch for ${content.name}: it was made under another root key, or altered`,
    );
  if (keys) assertSigned({ manifest: content, note }, keys);
}

const voucher = (heading: string, content: object, keyRing: KeyRing): string =>
  keyRing.pseudonym('point-in-time/1', `${heading}\n${canonicalJson(content)}`).toString('hex');
