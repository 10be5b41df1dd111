import { hkdfSync, randomBytes } from 'node:crypto';
import { Decrypter, Encrypter } from 'age-encryption';
import { checkRecipients, quoted } from './age-keys.ts';
import { type StreamKey, TAG_BYTES } from './chunk-cipher.ts';
import { FileEncryptionError } from './file-encryption-error.ts';
import type { HeadReader } from './head-reader.ts';

// Files of age (age-encryption.org/v1, https://c2sp.org/age). Everything about recipients and the header is done by the package age-encryption
// of age's author. The payload behind it is the STREAM of `sealed-stream.ts`, so that it is encrypted by OpenSSL in constant memory.

const PAYLOAD_NONCE_BYTES = 16;
/** A hundred post-quantum recipients need 170 kB; the format itself has no bound. */
const MAX_HEADER_BYTES = 256 * 1024;

/** A header for these recipients with the nonce of the payload, and the payload's key. Throws a FileEncryptionError (`bad-input`). */
export async function newAgeHeader(recipients: readonly string[]): Promise<{ header: Buffer; key: StreamKey }> {
  checkRecipients(recipients);
  let fileKey: Uint8Array | undefined;
  const encrypter = new Encrypter();
  // A recipient that adds nothing to the header, and through which the package tells which file key it has drawn.
  encrypter.addRecipient({
    wrapFileKey(drawn) {
      fileKey = Uint8Array.from(drawn);
      return [];
    },
  });
  for (const recipient of recipients) {
    try {
      encrypter.addRecipient(recipient);
    } catch (error) {
      throw badRecipient(recipient, error);
    }
  }
  // An empty file: the header, a nonce, and the tag of nothing. The latter two are dropped; the payload gets a nonce, and so a key, of its own.
  const empty = await encrypter.encrypt(new Uint8Array(0)).catch((error: unknown) => {
    throw badRecipient(recipients.join(' '), error);
  });
  if (!fileKey) throw new Error('the file key of an age header was not told');
  const nonce = randomBytes(PAYLOAD_NONCE_BYTES);
  const header = Buffer.concat([empty.subarray(0, empty.length - PAYLOAD_NONCE_BYTES - TAG_BYTES), nonce]);
  return { header, key: payloadKey(fileKey, nonce) };
}

/**
 * Takes the header and the nonce from a file and finds the key of its payload. Throws a FileEncryptionError: `wrong-key` where no identity is
 * among the recipients, `malformed` and `refused` where the header is not as age writes it or was altered, `bad-input` for a broken identity.
 */
export async function openAgeHeader(head: HeadReader, identities: readonly string[]): Promise<StreamKey> {
  const header = await takeHeader(head);
  const decrypter = new Decrypter();
  let isForNobody = false;
  for (const identity of identities) {
    try {
      decrypter.addIdentity(identity);
    } catch (error) {
      throw new FileEncryptionError('bad-input', 'an age identity has a wrong checksum: take it from a backup', {
        cause: error,
      });
    }
  }
  // Asked last, which is when all others have found nothing.
  decrypter.addIdentity({
    unwrapFileKey() {
      isForNobody = true;
      return null;
    },
  });
  const fileKey = await decrypter.decryptHeader(header).catch((error: unknown) => {
    throw isForNobody
      ? new FileEncryptionError(
          'wrong-key',
          'none of the identities is a recipient of this file: name the right one with -i FILE',
        )
      : new FileEncryptionError(
          'refused',
          'the header of the age file was altered or is broken: take it from its origin again',
          {
            cause: error,
          },
        );
  });
  const nonce = await head.take(PAYLOAD_NONCE_BYTES);
  if (nonce.length < PAYLOAD_NONCE_BYTES) throw endsInHeader();
  return payloadKey(fileKey, nonce);
}

async function takeHeader(head: HeadReader): Promise<Uint8Array> {
  const lines: Buffer[] = [];
  for (let length = 0; ; ) {
    const line = await head.takeLine(MAX_HEADER_BYTES - length);
    if (line === undefined) throw endsInHeader();
    lines.push(line);
    length += line.length;
    if (line.toString('latin1').startsWith('---')) return Buffer.concat(lines);
  }
}

const payloadKey = (fileKey: Uint8Array, nonce: Uint8Array): StreamKey => ({
  algorithm: 'chacha20-poly1305',
  key: Buffer.from(hkdfSync('sha256', fileKey, nonce, 'payload', 32)),
});

function endsInHeader(): FileEncryptionError {
  return new FileEncryptionError('malformed', 'the age file ends within its header, or its header is over 256 KiB');
}

function badRecipient(recipient: string, cause: unknown): FileEncryptionError {
  return new FileEncryptionError('bad-input', `${quoted(recipient)} is no age recipient: its checksum is wrong`, {
    cause,
  });
}
