import { createCipheriv, hkdfSync, randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createKeyRing } from './key-ring.ts';
import { parseRootKey } from './root-key.ts';
import { openValue, type Place, readSealHeader, SealError, sealValue } from './sealed-value.ts';

const place: Place = { organisation: 7, table: 'users', column: 'phone', row: 'u1' };
const header = { version: 2, epoch: 3 } as const;
const sealingKey = randomBytes(32);

const names = fc.string({ minLength: 1, maxLength: 30, unit: 'grapheme' });
const places = fc.record({ organisation: fc.option(fc.nat()), table: names, column: names, row: names });

function problemOf(act: () => unknown): string | undefined {
  try {
    act();
  } catch (error) {
    return error instanceof SealError ? error.problem : String(error);
  }
  return undefined;
}

/** The format as docs/decisions/0007 says it, written a second time. */
function sealedByTheBook(key: Buffer, salt: Buffer, text: string, place: Place, version = 2): Buffer {
  const start = Buffer.concat([Buffer.from([version, 0, 0, 0, 3]), salt]);
  const keys = Buffer.from(hkdfSync('sha256', key, salt, `valtronics/seal/${version}`, 64));
  const clear = Buffer.concat([start, keys.subarray(32)]);
  const cipher = createCipheriv('aes-256-gcm', keys.subarray(0, 32), Buffer.alloc(12));
  const { organisation, table, column, row } = place;
  cipher.setAAD(
    Buffer.concat([clear, Buffer.from(JSON.stringify(['valtronics/place/1', organisation, table, column, row]))]),
  );
  return Buffer.concat([clear, cipher.update(text), cipher.final(), cipher.getAuthTag()]);
}

test('what the format says opens, and what was sealed has that format', () => {
  const salt = Buffer.alloc(32, 5);
  expect(openValue(sealingKey, sealedByTheBook(sealingKey, salt, '+49 30 1', place), place).toString()).toBe(
    '+49 30 1',
  );
  const sealed = sealValue(sealingKey, header, '+49 30 1', place);
  expect(sealedByTheBook(sealingKey, sealed.subarray(5, 37), '+49 30 1', place)).toEqual(sealed);
  expect(readSealHeader(sealed)).toEqual(header);
});

test('what earlier versions sealed and named is found and opened for ever', () => {
  const rootKey = parseRootKey(`valtronics-root-key-1:${Buffer.alloc(32, 7).toString('base64url')}`);
  if (rootKey === undefined) throw new Error('not a root key');
  const ring = createKeyRing(rootKey);
  const sealed =
    'AQAAAAELG4zCxn4gG6pJQo06bTxYqqR1zTkMWqkIZ9ugMUq6kmfU83L5nAiyrCGx9nGaKuOBvc-QPXAuNtt6pnVBQ6clyXXH1_zVh03aZb5F-U8TL0RpwIsNTmQRND-IPg';
  const where = { organisation: 7, table: 'factors', column: 'secret_sealed', row: 'f1' };
  expect(ring.open(Buffer.from(sealed, 'base64url'), where).toString()).toBe('carried over');
  expect(ring.pseudonym('account', 'ada@example.org').toString('hex')).toBe(
    '2119cd635d6261acfa080d4f882d6df7910d19e5545411bd549c846071c8aee8',
  );
});

test('a flipped bit, wherever it is, is refused', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), places, fc.nat(), (plaintext, somewhere, which) => {
      const sealed = sealValue(sealingKey, header, plaintext, somewhere);
      const bit = which % (sealed.length * 8);
      sealed[bit >> 3] = (sealed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(problemOf(() => openValue(sealingKey, sealed, somewhere))).toMatch(/^(refused|unknown-version)$/);
    }),
  );
});

test('another row, column, table or organisation is refused', () => {
  fc.assert(
    fc.property(places, places, fc.constantFrom('row', 'column', 'table', 'organisation'), (here, other, part) => {
      fc.pre(here[part] !== other[part]);
      const sealed = sealValue(sealingKey, header, 'value', here);
      expect(problemOf(() => openValue(sealingKey, sealed, { ...here, [part]: other[part] }))).toBe('refused');
    }),
  );
});

test('two values that changed rows are both refused', () => {
  fc.assert(
    fc.property(places, names, (one, row) => {
      fc.pre(one.row !== row);
      const two = { ...one, row };
      const [first, second] = [sealValue(sealingKey, header, 'a', one), sealValue(sealingKey, header, 'b', two)];
      expect(problemOf(() => openValue(sealingKey, first, two))).toBe('refused');
      expect(problemOf(() => openValue(sealingKey, second, one))).toBe('refused');
    }),
  );
});

test('a tag of any other length is refused', () => {
  const sealed = sealValue(sealingKey, header, 'twelve bytes', place);
  for (let missing = 1; missing <= 16; missing++) {
    expect(problemOf(() => openValue(sealingKey, sealed.subarray(0, -missing), place))).toMatch(
      /^(refused|malformed)$/,
    );
  }
  expect(problemOf(() => openValue(sealingKey, Buffer.concat([sealed, sealed.subarray(-1)]), place))).toBe('refused');
});

test('another key, epoch or version is refused', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), fc.nat(), (other, epoch) => {
      fc.pre(epoch !== header.epoch && !Buffer.from(other).equals(sealingKey));
      const sealed = sealValue(sealingKey, header, 'value', place);
      expect(problemOf(() => openValue(other, sealed, place))).toBe('refused');
      const renamed = Buffer.from(sealed);
      renamed.writeUInt32BE(epoch, 1);
      expect(problemOf(() => openValue(sealingKey, renamed, place))).toBe('refused');
      const older = Buffer.from(sealed);
      older.writeUInt8(1, 0);
      expect(problemOf(() => openValue(sealingKey, older, place))).toBe('refused');
    }),
  );
});

test('a value commits to its key: with another commitment it is refused although it would decrypt', () => {
  const salt = randomBytes(32);
  const sealed = sealedByTheBook(sealingKey, salt, 'value', place);
  expect(openValue(sealingKey, sealed, place).toString()).toBe('value');
  // As one would make it who seeks a ciphertext that opens under two keys: everything is right for this key but its commitment.
  const keys = Buffer.from(hkdfSync('sha256', sealingKey, salt, 'valtronics/seal/2', 64));
  const clear = Buffer.concat([Buffer.from([2, 0, 0, 0, 3]), salt, randomBytes(32)]);
  const cipher = createCipheriv('aes-256-gcm', keys.subarray(0, 32), Buffer.alloc(12));
  cipher.setAAD(Buffer.concat([clear, Buffer.from('["valtronics/place/1",7,"users","phone","u1"]')]));
  const forged = Buffer.concat([clear, cipher.update('value'), cipher.final(), cipher.getAuthTag()]);
  expect(problemOf(() => openValue(sealingKey, forged, place))).toBe('refused');
});

test('AES-256-GCM is that of the specification (McGrew and Viega, test case 16)', () => {
  const hex = (text: string): Buffer => Buffer.from(text, 'hex');
  const key = hex('feffe9928665731c6d6a8f9467308308'.repeat(2));
  const cipher = createCipheriv('aes-256-gcm', key, hex('cafebabefacedbaddecaf888'));
  cipher.setAAD(hex('feedfacedeadbeeffeedfacedeadbeefabaddad2'));
  const plaintext =
    'd9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39';
  expect(Buffer.concat([cipher.update(hex(plaintext)), cipher.final()]).toString('hex')).toBe(
    '522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662',
  );
  expect(cipher.getAuthTag().toString('hex')).toBe('76fc6ece0f4e1768cddf8853bb2d551b');
});
