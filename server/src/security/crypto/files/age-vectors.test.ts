import { createDecipheriv, createHash, hkdfSync } from 'node:crypto';
import { inflateSync } from 'node:zlib';
import * as vectors from 'cctv-age';
import { expect, test } from 'vitest';
import { aStream, released } from './blocks.builders.ts';
import { decryptFile } from './file-encryption.ts';
import { FileEncryptionError } from './file-encryption-error.ts';

// C2SP's test vectors of the age format (https://c2sp.org/CCTV/age): good files open, broken ones are refused, and nothing else comes out on
// the way. Those in text form or for a passphrase of age are not read here, so all of them must be refused.

const files = Object.entries(vectors).map(([name, content]) => aVector(name, Buffer.from(content)));
const isRead = ({ words }: (typeof files)[number]): boolean => !words.has('armored') && !words.has('passphrase');

function aVector(name: string, content: Buffer) {
  const end = content.indexOf('\n\n');
  const words = new Map<string, string[]>();
  for (const line of content.toString('latin1', 0, end).split('\n')) {
    const [, key = '', value = ''] = /^([^:]+): (.*)$/.exec(line) ?? [];
    words.set(key, [...(words.get(key) ?? []), value]);
  }
  const body = content.subarray(end + 2);
  return { name, words, file: words.has('compressed') ? inflateSync(body) : body };
}

async function opened({ words, file }: (typeof files)[number]) {
  try {
    const { blocks } = await decryptFile(aStream(file, [1, 100, 70_000]), {
      identities: words.get('identity') ?? [
        'AGE-SECRET-KEY-1EGTZVFFV20835NWYV6270LXYVK2VKNX2MMDKWYKLMGR48UAWX40Q2P2LM0',
      ],
      passphrase: async () => 'not one of ours',
    });
    return await released(blocks);
  } catch (error) {
    return { bytes: Buffer.alloc(0), error };
  }
}

test('all of them are here', () => {
  expect(files.length).toBeGreaterThanOrEqual(143);
  expect(files.filter(isRead).length).toBeGreaterThanOrEqual(85);
});

test.each(files.filter(isRead))('$name', async (vector) => {
  const { bytes, error } = await opened(vector);
  const [expected] = vector.words.get('expect') ?? [];
  if (expected === 'success') expect(error).toBeUndefined();
  else {
    expect(error).toBeInstanceOf(FileEncryptionError);
    if (expected === 'no match') expect(error).toMatchObject({ problem: 'wrong-key' });
    else expect(error).toMatchObject({ problem: expect.stringMatching(/^(refused|malformed|not-encrypted)$/) });
  }
  if (expected === 'success') expect(hashOf(bytes)).toBe(vector.words.get('payload')?.[0]);
  if (expected !== 'payload failure') return;
  // Of a file that is refused on the way only what is authentic has come out. That may be less than the vector allows, as we hold back what is
  // not yet known to be in its place.
  const authentic = authenticChunks(vector);
  expect(hashOf(authentic)).toBe(vector.words.get('payload')?.[0]);
  expect(bytes.equals(authentic.subarray(0, bytes.length))).toBe(true);
});

const hashOf = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** The chunks up to the first that does not open, or opens as the last; by the vector's file key, and nothing of ours. */
function authenticChunks({ words, file }: (typeof files)[number]): Buffer {
  const fileKey = Buffer.from(words.get('file key')?.[0] ?? '', 'hex');
  const start = file.indexOf('\n', file.indexOf('\n---') + 1) + 1;
  const key = Buffer.from(hkdfSync('sha256', fileKey, file.subarray(start, start + 16), 'payload', 32));
  const parts: Buffer[] = [];
  for (let at = start + 16, number = 0; at < file.length; at += 65_552, number += 1) {
    const sealed = file.subarray(at, at + 65_552);
    if (sealed.length < 16) break;
    const between = sealed.length === 65_552 ? opens(key, number, 0, sealed) : undefined;
    const plain = between ?? opens(key, number, 1, sealed);
    if (plain !== undefined) parts.push(plain);
    if (between === undefined) break;
  }
  return Buffer.concat(parts);
}

function opens(key: Buffer, number: number, flag: number, sealed: Buffer): Buffer | undefined {
  const nonce = Buffer.alloc(12);
  nonce.writeUInt32BE(number, 7);
  nonce[11] = flag;
  const decipher = createDecipheriv('chacha20-poly1305', key, nonce, { authTagLength: 16 });
  decipher.setAuthTag(sealed.subarray(-16));
  try {
    return Buffer.concat([decipher.update(sealed.subarray(0, -16)), decipher.final()]);
  } catch {
    return undefined;
  }
}

test.each(files.filter((vector) => !isRead(vector)))('$name, of a kind that is not read', async (vector) => {
  const { bytes, error } = await opened(vector);
  expect(error).toBeInstanceOf(FileEncryptionError);
  expect(bytes.length).toBe(0);
});
