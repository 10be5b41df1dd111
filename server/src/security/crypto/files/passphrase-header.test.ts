import { createHash } from 'node:crypto';
import { describe, expect, test, vi } from 'vitest';
import {
  type DeriveMaster,
  ITERATIONS,
  newPassphraseHeader,
  openPassphraseHeader,
  PASSPHRASE_HEADER_BYTES,
} from './passphrase-header.ts';

const PASSPHRASE = 'five words are much better';
const ITERATIONS_START = 16;

/** As dependent on its arguments as PBKDF2, and a million times faster. */
const quick: DeriveMaster = async (passphrase, salt, iterations) =>
  createHash('sha256').update(passphrase).update(salt).update(String(iterations)).digest();

const aHeader = async (): Promise<Buffer> => (await newPassphraseHeader(PASSPHRASE, { derive: quick })).header;

test('every bit of the header counts: none can be flipped', async () => {
  const header = await aHeader();
  expect(header.length).toBe(PASSPHRASE_HEADER_BYTES);
  await openPassphraseHeader(header, PASSPHRASE, quick);
  for (let bit = 0; bit < header.length * 8; bit += 1) {
    const altered = Buffer.from(header);
    altered[bit >> 3] = (altered[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    await expect(openPassphraseHeader(altered, PASSPHRASE, quick), `bit ${bit}`).rejects.toMatchObject({
      problem: expect.stringMatching(/^(wrong-key|malformed|unknown-version)$/),
    });
  }
});

describe('the iterations are bounded before anything is derived', () => {
  test.each([0, 1, ITERATIONS.least - 1, ITERATIONS.most + 1, 0xffffffff])('%i is refused', async (iterations) => {
    const header = await aHeader();
    header.writeUInt32BE(iterations, ITERATIONS_START);
    const derive = vi.fn(quick);
    await expect(openPassphraseHeader(header, PASSPHRASE, derive)).rejects.toMatchObject({
      problem: 'malformed',
      message: 'the iterations its header names are not between 600,000 and 10,000,000',
    });
    expect(derive).not.toHaveBeenCalled();
    await expect(newPassphraseHeader(PASSPHRASE, { iterations, derive })).rejects.toMatchObject({
      problem: 'bad-input',
    });
    expect(derive).not.toHaveBeenCalled();
  });

  test.each([ITERATIONS.least, ITERATIONS.most])('%i is taken', async (iterations) => {
    const { header, key } = await newPassphraseHeader(PASSPHRASE, { iterations, derive: quick });
    expect(await openPassphraseHeader(header, PASSPHRASE, quick)).toEqual(key);
  });

  test('new files get more than the least', () => {
    expect(ITERATIONS.least).toBeGreaterThanOrEqual(600_000);
    expect(ITERATIONS.ofNewFiles).toBeGreaterThanOrEqual(ITERATIONS.least);
  });
});

test('another version says that the program is too old', async () => {
  const header = await aHeader();
  header.writeUInt8(2, 15);
  await expect(openPassphraseHeader(header, PASSPHRASE, quick)).rejects.toMatchObject({ problem: 'unknown-version' });
});

test('a header that is cut short is refused', async () => {
  const header = await aHeader();
  for (let length = 0; length < header.length; length += 1)
    await expect(openPassphraseHeader(header.subarray(0, length), PASSPHRASE, quick)).rejects.toMatchObject({
      problem: 'malformed',
    });
});

test('another passphrase, even by one sign, is the wrong key', async () => {
  await expect(openPassphraseHeader(await aHeader(), `${PASSPHRASE} `, quick)).rejects.toMatchObject({
    problem: 'wrong-key',
  });
});

test('one passphrase makes two files of different salt, nonce and key', async () => {
  const [one, other] = [
    await newPassphraseHeader(PASSPHRASE, { derive: quick }),
    await newPassphraseHeader(PASSPHRASE, { derive: quick }),
  ];
  for (const [from, to] of [
    [20, 52],
    [52, 84],
    [84, 116],
  ])
    expect(one.header.subarray(from, to).equals(other.header.subarray(from, to))).toBe(false);
  expect(one.key).not.toEqual(other.key);
});

test('a passphrase typed on another system, with accents of its own, is the same', async () => {
  const [composed, decomposed] = ['a caf\u00e9 in the morning', 'a cafe\u0301 in the morning'];
  const { header, key } = await newPassphraseHeader(composed, { derive: quick });
  expect(await openPassphraseHeader(header, decomposed, quick)).toEqual(key);
});

describe('a passphrase that protects nothing is not taken for a new file', () => {
  test.each([
    ['empty', ''],
    ['short', 'fourteen signs'],
    ['over 1,024 bytes', 'x'.repeat(1_025)],
    ['half a character', `five words are better \ud800`],
  ])('%s', async (_name, passphrase) => {
    await expect(newPassphraseHeader(passphrase, { derive: quick })).rejects.toMatchObject({ problem: 'bad-input' });
  });
});
