import { createHash } from 'node:crypto';
import { generateHybridIdentity, generateIdentity, identityToRecipient } from 'age-encryption';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { identitiesIn } from './age-keys.ts';
import { aStream, collect, released, someBytes } from './blocks.builders.ts';
import { decryptFile, encryptFile } from './file-encryption.ts';
import { newPassphraseHeader } from './passphrase-header.ts';
import { sealStream } from './sealed-stream.ts';

const PASSPHRASE = 'correct horse battery staple';
const withPassphrase = { passphrase: async () => PASSPHRASE };

async function encrypted(plain: Uint8Array, to: Parameters<typeof encryptFile>[1]): Promise<Buffer<ArrayBuffer>> {
  return collect((await encryptFile(aStream(plain), to)).blocks);
}

async function decrypted(file: Uint8Array, keys: Parameters<typeof decryptFile>[1], cuts?: number[]): Promise<Buffer> {
  return collect((await decryptFile(aStream(file, cuts), keys)).blocks);
}

describe('the format of docs/file-encryption.md', () => {
  /** With salt 00 01 … 1f and nonce 20 21 … 3f. */
  async function aFixedFile(plain: Uint8Array): Promise<Buffer> {
    let next = 0;
    const random = (bytes: number) => Buffer.from(Array.from({ length: bytes }, () => next++));
    const { header, key } = await newPassphraseHeader(PASSPHRASE, { iterations: 600_000, random });
    return Buffer.concat([header, await collect(sealStream(aStream(plain), key))]);
  }

  test('its two examples are what is written, byte for byte, and are read', async () => {
    const [short, long] = [Buffer.from('It was 4.2 degrees.\n'), Buffer.alloc(65_537, 'A')];
    const file = await aFixedFile(short);
    expect(file.toString('hex')).toBe(
      '56414c54524f4e4943532d46494c4501000927c0000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3fc169d6b4b0d0ded2e33eb955e31416f4e4e22348748f78e72b215eccd3047edc76c5256d5b77dddaee19da4608edabdbcad855bbad4b7f54a143510743d1ad9c8455072c',
    );
    expect((await decrypted(file, withPassphrase)).equals(short)).toBe(true);
    const longer = await aFixedFile(long);
    expect(createHash('sha256').update(longer).digest('hex')).toBe(
      '60b9636209a27e8218a62c3c1d9320ca98456805a1cfebc8f812590e21178785',
    );
    expect((await decrypted(longer, withPassphrase)).equals(long)).toBe(true);
  });

  test.each([0, 1, 65_536, 65_537, 200_000])(
    'a reader written from the page alone, on WebCrypto, reads %i bytes',
    async (length) => {
      const plain = someBytes(length);
      const file = await encrypted(plain, { passphrase: PASSPHRASE, iterations: 600_000 });
      expect((await readFromThePage(file, PASSPHRASE)).equals(plain)).toBe(true);
    },
  );
});

/** Shares no line with what it checks. */
async function readFromThePage(file: Buffer<ArrayBuffer>, passphrase: string): Promise<Buffer> {
  const { subtle } = globalThis.crypto;
  const [salt, nonce, commitment] = [file.subarray(20, 52), file.subarray(52, 84), file.subarray(84, 116)];
  expect(file.toString('latin1', 0, 16)).toBe('VALTRONICS-FILE\x01');
  const typed = await subtle.importKey('raw', new TextEncoder().encode(passphrase.normalize('NFC')), 'PBKDF2', false, [
    'deriveBits',
  ]);
  const master = await subtle.deriveBits(
    { name: 'PBKDF2', hash: 'SHA-256', salt, iterations: file.readUInt32BE(16) },
    typed,
    256,
  );
  const info = Buffer.concat([Buffer.from('valtronics/file/1'), file.subarray(0, 84)]);
  const base = await subtle.importKey('raw', master, 'HKDF', false, ['deriveBits']);
  const output = Buffer.from(await subtle.deriveBits({ name: 'HKDF', hash: 'SHA-256', salt: nonce, info }, base, 512));
  expect(output.subarray(32).equals(commitment)).toBe(true);
  const key = await subtle.importKey('raw', output.subarray(0, 32), 'AES-GCM', false, ['decrypt']);
  const parts: Buffer[] = [];
  for (let at = 116, number = 0; at < file.length; at += 65_552, number += 1) {
    const iv = Buffer.alloc(12);
    iv.writeUInt32BE(number, 7);
    iv[11] = at + 65_552 >= file.length ? 1 : 0;
    parts.push(
      Buffer.from(await subtle.decrypt({ name: 'AES-GCM', iv, tagLength: 128 }, key, file.subarray(at, at + 65_552))),
    );
  }
  return Buffer.concat(parts);
}

describe('age recipients', () => {
  test.each([
    ['X25519', generateIdentity],
    ['post-quantum', generateHybridIdentity],
  ])('%s: any one of several identities opens it, in blocks of any size', async (_name, generate) => {
    const identities = [await generate(), await generate(), await generate()];
    const recipients = await Promise.all(identities.map(identityToRecipient));
    await fc.assert(
      fc.asyncProperty(
        fc.nat(150_000),
        fc.array(fc.nat(9_000), { maxLength: 6 }),
        fc.nat(2),
        async (length, cuts, which) => {
          const plain = someBytes(length);
          const file = await encrypted(plain, { recipients });
          expect((await decrypted(file, { identities: [identities[which] ?? ''] }, cuts)).equals(plain)).toBe(true);
        },
      ),
      { numRuns: 10 },
    );
  });

  test('one flipped bit anywhere, header and nonce among it, is refused', async () => {
    const identity = await generateIdentity();
    const plain = someBytes(70_000);
    const file = await encrypted(plain, { recipients: [await identityToRecipient(identity)] });
    const bits = fc.oneof(fc.nat(220 * 8), fc.nat(file.length * 8 - 1));
    await fc.assert(
      fc.asyncProperty(bits, async (bit) => {
        const altered = Buffer.from(file);
        altered[bit >> 3] = (altered[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        await expect(decrypted(altered, { identities: [identity] })).rejects.toMatchObject({
          name: 'FileEncryptionError',
        });
      }),
      { numRuns: 150 },
    );
  });

  test('another identity is told apart from a broken file', async () => {
    const [mine, other] = [await generateIdentity(), await generateIdentity()];
    const file = await encrypted(someBytes(10), { recipients: [await identityToRecipient(mine)] });
    await expect(decrypted(file, { identities: [other] })).rejects.toMatchObject({ problem: 'wrong-key' });
  });

  test.each([
    ['none', []],
    ['over a hundred', Array.from({ length: 101 }, () => 'age1x')],
    ['an address', ['ada@example.org']],
    ['of a plugin', ['age1yubikey1qwt50d05nh5vutpdzmlg5wn80xq5negm4uj9ghv0snvdd3yysf5yw3rhl3t']],
    ['with a wrong checksum', ['age1jmk5nnuy6jv3pv393vwvry2g9dk826gdy6c2k2xk86438q9v0uyqmgkyn1']],
  ])('recipients that are %s are refused', async (_name, recipients) => {
    await expect(encrypted(someBytes(10), { recipients })).rejects.toMatchObject({ problem: 'bad-input' });
  });

  test('a secret given as a recipient is refused and not repeated', async () => {
    const identity = await generateIdentity();
    await expect(encrypted(someBytes(10), { recipients: [identity] })).rejects.toMatchObject({
      problem: 'bad-input',
      message: expect.not.stringContaining(identity),
    });
  });

  test('a post-quantum recipient beside another one would protect nothing', async () => {
    const recipients = await Promise.all([
      identityToRecipient(await generateIdentity()),
      identityToRecipient(await generateHybridIdentity()),
    ]);
    await expect(encrypted(someBytes(10), { recipients })).rejects.toMatchObject({ problem: 'bad-input' });
  });

  test('a file of identities is read as age-keygen writes it; a line that is none is named, not shown', async () => {
    const identity = await generateIdentity();
    expect(identitiesIn(`# created: today\n# public key: age1…\n\n${identity}\n`, 'key.txt')).toEqual([identity]);
    expect(() => identitiesIn('# nothing\n', 'key.txt')).toThrow('key.txt holds no identity');
    const wrong = () => identitiesIn(`${identity}\nAGE-PLUGIN-SECRET-1XYZ\n`, 'key.txt');
    expect(wrong).toThrow(/^line 2 of key\.txt is no age identity/);
    expect(wrong).not.toThrow('XYZ');
  });

  test('an endless header is given up', async () => {
    let asked = 0;
    async function* endless() {
      yield Buffer.from('age-encryption.org/v1\n');
      for (; ; asked += 1) yield Buffer.alloc(65_536, '-> X25519 abc\n');
    }
    await expect(decryptFile(endless(), { identities: [await generateIdentity()] })).rejects.toMatchObject({
      problem: 'malformed',
    });
    expect(asked).toBeLessThan(10);
  });
});

describe('what it is told apart from', () => {
  test.each([
    ['nothing', ''],
    ['a text', 'Dear Ada, the weather here is fine, and the freezer holds.'],
    ['an armored age file', '-----BEGIN AGE ENCRYPTED FILE-----\nYWdl\n'],
    ['age of another version', 'age-encryption.org/v2\n-> X25519 abc\n'],
    ['half of our magic', 'VALTRONICS-'],
  ])('%s is not taken for an encrypted file', async (_name, text) => {
    await expect(decrypted(Buffer.from(text), withPassphrase)).rejects.toMatchObject({ problem: 'not-encrypted' });
  });

  test('the source is closed when the header is refused', async () => {
    let isClosed = false;
    async function* source() {
      try {
        yield Buffer.from('something else, and long enough to tell');
        yield Buffer.from('more');
      } finally {
        isClosed = true;
      }
    }
    await expect(decryptFile(source(), withPassphrase)).rejects.toMatchObject({ problem: 'not-encrypted' });
    expect(isClosed).toBe(true);
  });

  test('each kind of file says which kind of key it needs, and asks for no passphrase in vain', async () => {
    const identity = await generateIdentity();
    const ageFile = await encrypted(someBytes(10), { recipients: [await identityToRecipient(identity)] });
    const asked = { passphrase: () => Promise.reject(new Error('asked')) };
    await expect(decrypted(ageFile, asked)).rejects.toMatchObject({
      problem: 'no-key',
      message: expect.stringContaining('-i FILE'),
    });
    const ourFile = await encrypted(someBytes(10), { passphrase: PASSPHRASE, iterations: 600_000 });
    await expect(decrypted(ourFile, { identities: [identity] })).rejects.toMatchObject({ problem: 'no-key' });
    await expect(decrypted(ourFile.subarray(0, 100), asked)).rejects.toMatchObject({ problem: 'malformed' });
    expect((await released((await decryptFile(aStream(ourFile), withPassphrase)).blocks)).error).toBeUndefined();
  });
});
