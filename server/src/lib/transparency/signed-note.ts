import { createPrivateKey, createPublicKey, hash, type KeyObject, sign, verify } from 'node:crypto';

// Signed notes (c2sp.org/signed-note) with Ed25519, and the cosignatures of witnesses (c2sp.org/tlog-cosignature, v1).

export class NoteError extends Error {
  override readonly name = 'NoteError';
}

const MAX_NOTE_BYTES = 64 * 1024;
const MAX_SIGNATURES = 64;
const ED25519_BYTES = 32;
const SIGNATURE_BYTES = 64;
// What stands before the 32 bytes in the DER forms node reads.
const SPKI = Buffer.from('302a300506032b6570032100', 'hex');
const PKCS8 = Buffer.from('302e020100300506032b657004220420', 'hex');

/** 1: signs the text as it is. 4: a witness, which signs the text and the time it saw it. */
export type SignatureType = 1 | 4;

export interface NoteVerifier {
  readonly name: string;
  readonly type: SignatureType;
  readonly publicKey: Buffer;
  readonly keyId: Buffer;
}

export interface NoteSigner extends NoteVerifier {
  readonly privateKey: KeyObject;
}

export interface NoteSignature {
  readonly name: string;
  readonly keyId: Buffer;
  readonly signature: Buffer;
}

export interface SignedNote {
  /** With its final newline. */
  readonly text: string;
  readonly signatures: readonly NoteSignature[];
}

/** No white space of any script and no plus sign, as they separate the parts of a line and of a key. */
const isName = (name: string): boolean => /^[^\s+\p{Z}\p{Cc}]{1,200}$/u.test(name);

function keyIdOf(name: string, type: SignatureType, publicKey: Buffer): Buffer {
  return hash('sha256', Buffer.concat([Buffer.from(`${name}\n`), Buffer.of(type), publicKey]), 'buffer').subarray(0, 4);
}

export function verifierOf(name: string, publicKey: Buffer, type: SignatureType = 1): NoteVerifier {
  if (!isName(name)) throw new NoteError('a key name holds no spaces and no plus sign');
  if (publicKey.length !== ED25519_BYTES) throw new NoteError('an Ed25519 public key has 32 bytes');
  return { name, type, publicKey, keyId: keyIdOf(name, type, publicKey) };
}

export const publicKeyOf = (seed: Buffer): Buffer =>
  createPublicKey(privateKeyOf(seed)).export({ type: 'spki', format: 'der' }).subarray(SPKI.length);

function privateKeyOf(seed: Buffer): KeyObject {
  if (seed.length !== ED25519_BYTES) throw new NoteError('an Ed25519 private key has 32 bytes');
  return createPrivateKey({ key: Buffer.concat([PKCS8, seed]), format: 'der', type: 'pkcs8' });
}

export function signerOf(name: string, seed: Buffer, type: SignatureType = 1): NoteSigner {
  return { ...verifierOf(name, publicKeyOf(seed), type), privateKey: privateKeyOf(seed) };
}

/** `name+keyid+base64(type ‖ key)`: what a stranger is given to verify with. */
export const verifierText = ({ name, type, publicKey, keyId }: NoteVerifier): string =>
  `${name}+${keyId.toString('hex')}+${Buffer.concat([Buffer.of(type), publicKey]).toString('base64')}`;

export function parseVerifier(text: string): NoteVerifier {
  const [, name = '', id = '', encoded = ''] = /^([^+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/]+=*)$/.exec(text.trim()) ?? [];
  const bytes = Buffer.from(encoded, 'base64');
  const type = bytes[0];
  if (bytes.length !== 1 + ED25519_BYTES || (type !== 1 && type !== 4)) {
    throw new NoteError('a public key is written name+id+key, for Ed25519');
  }
  const verifier = verifierOf(name, bytes.subarray(1), type);
  if (verifier.keyId.toString('hex') !== id)
    throw new NoteError('the id of the public key does not fit its name and key');
  return verifier;
}

export function parseNote(note: string): SignedNote {
  if (Buffer.byteLength(note) > MAX_NOTE_BYTES) throw new NoteError('a note is at most 64 KiB');
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is refused
  if (/[\u0000-\u0009\u000b-\u001f]/.test(note) || !note.isWellFormed()) throw new NoteError('a note is plain text');
  const end = note.lastIndexOf('\n\n');
  if (end < 0 || !note.endsWith('\n')) throw new NoteError('a note ends with its signatures');
  const lines = note.slice(end + 2, -1).split('\n');
  if (lines.length > MAX_SIGNATURES) throw new NoteError(`a note has at most ${MAX_SIGNATURES} signatures`);
  const signatures = lines.map((line) => {
    const [, name = '', encoded = ''] = /^\u2014 ([^ ]+) ([A-Za-z0-9+/]+=*)$/.exec(line) ?? [];
    const bytes = Buffer.from(encoded, 'base64');
    if (!isName(name) || bytes.length < 5 || bytes.toString('base64') !== encoded) {
      throw new NoteError('a signature of the note cannot be read');
    }
    return { name, keyId: bytes.subarray(0, 4), signature: bytes.subarray(4) };
  });
  return { text: note.slice(0, end + 1), signatures };
}

/**
 * Whether this key signed the note. A signature under the key's own name and id that does not verify makes the note as a whole
 * worthless, so it is thrown and not answered.
 */
export function isSignedBy(note: SignedNote, verifier: NoteVerifier): boolean {
  const own = note.signatures.filter(({ name, keyId }) => name === verifier.name && keyId.equals(verifier.keyId));
  for (const { signature } of own) {
    if (!verifies(note.text, verifier, signature)) throw new NoteError(`the signature of ${verifier.name} is not good`);
  }
  return own.length > 0;
}

function verifies(text: string, { publicKey, type }: NoteVerifier, signature: Buffer): boolean {
  const key = createPublicKey({ key: Buffer.concat([SPKI, publicKey]), format: 'der', type: 'spki' });
  if (type === 1) return signature.length === SIGNATURE_BYTES && verify(null, Buffer.from(text), key, signature);
  if (signature.length !== 8 + SIGNATURE_BYTES) return false;
  return verify(null, cosigned(text, signature.readBigUInt64BE(0)), key, signature.subarray(8));
}

const cosigned = (text: string, seconds: bigint): Buffer => Buffer.from(`cosignature/v1\ntime ${seconds}\n${text}`);

/** One more line below a note. `seconds` since 1970 is what a witness says it saw it at. */
export function signatureLine(text: string, signer: NoteSigner, seconds = 0): string {
  if (!text.endsWith('\n')) throw new NoteError('the text of a note ends with a newline');
  const time = Buffer.alloc(8);
  time.writeBigUInt64BE(BigInt(seconds));
  const signature =
    signer.type === 1
      ? sign(null, Buffer.from(text), signer.privateKey)
      : Buffer.concat([time, sign(null, cosigned(text, BigInt(seconds)), signer.privateKey)]);
  return `\u2014 ${signer.name} ${Buffer.concat([signer.keyId, signature]).toString('base64')}\n`;
}

export const signNote = (text: string, signer: NoteSigner): string => `${text}\n${signatureLine(text, signer)}`;
