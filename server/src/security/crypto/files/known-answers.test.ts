import { hkdfSync } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { NONCE_BYTES, openChunk, sealChunk, TAG_BYTES, writeChunkNonce } from './chunk-cipher.ts';
import { deriveMaster } from './passphrase-header.ts';

// Published answers: that we call the primitives as everybody else does.

const hex = (text: string): Buffer => Buffer.from(text, 'hex');

describe('AES-256-GCM, test cases 13 to 15 of McGrew and Viega’s specification', () => {
  test.each([
    {
      name: '13: nothing',
      key: '00'.repeat(32),
      nonce: '00'.repeat(12),
      plain: '',
      sealed: '530f8afbc74536b9a963b4f1c4cb738b',
    },
    {
      name: '14: a block of zeros',
      key: '00'.repeat(32),
      nonce: '00'.repeat(12),
      plain: '00'.repeat(16),
      sealed: 'cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919',
    },
    {
      name: '15: four blocks',
      key: 'feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308',
      nonce: 'cafebabefacedbaddecaf888',
      plain:
        'd9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b391aafd255',
      sealed:
        '522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662898015adb094dac5d93471bdec1a502270e3cc6c',
    },
  ])('$name', ({ key, nonce, plain, sealed }) => {
    const stream = { algorithm: 'aes-256-gcm', key: hex(key) } as const;
    const target = Buffer.alloc(plain.length / 2 + TAG_BYTES);
    expect(sealChunk(stream, hex(nonce), hex(plain), target, 0)).toBe(target.length);
    expect(target.toString('hex')).toBe(sealed);

    const opened = Buffer.alloc(plain.length / 2);
    expect(openChunk(stream, hex(nonce), hex(sealed), opened, 0)).toBe(opened.length);
    expect(opened.toString('hex')).toBe(plain);
  });
});

describe('PBKDF2-HMAC-SHA-256, RFC 7914, section 11', () => {
  test.each([
    ['passwd', 'salt', 1, '55ac046e56e3089fec1691c22544b605f94185216dde0465e68b9d57c20dacbc'],
    ['Password', 'NaCl', 80_000, '4ddcd8f60b98be21830cee5ef22701f9641a4418d04c0414aeff08876b34ab56'],
  ])('%s, %s, %i', async (passphrase, salt, iterations, answer) => {
    const master = await deriveMaster(Buffer.from(passphrase), Buffer.from(salt), iterations);
    expect(Buffer.from(master).toString('hex')).toBe(answer);
  });
});

test('HKDF-SHA-256, RFC 5869, test case 1', () => {
  const output = hkdfSync(
    'sha256',
    hex('0b'.repeat(22)),
    hex('000102030405060708090a0b0c'),
    hex('f0f1f2f3f4f5f6f7f8f9'),
    42,
  );
  expect(Buffer.from(output).toString('hex')).toBe(
    '3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865',
  );
});

describe('the nonce of a chunk', () => {
  test.each([
    [0, false, '000000000000000000000000'],
    [0, true, '000000000000000000000001'],
    [1, false, '000000000000000000000100'],
    [2 ** 32 - 1, true, '00000000000000ffffffff01'],
  ])('%i, last: %s', (index, isLast, expected) => {
    const nonce = Buffer.alloc(NONCE_BYTES, 0xaa);
    writeChunkNonce(nonce, index, isLast);
    expect(nonce.toString('hex')).toBe(expected);
  });

  test.each([2 ** 32, -1, 1.5])('is never made for chunk %d, so that none repeats', (index) => {
    expect(() => writeChunkNonce(Buffer.alloc(NONCE_BYTES), index, false)).toThrow('longer than 256 TiB');
  });
});
