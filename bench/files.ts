import { type CipherGCM, createCipheriv, createDecipheriv, type DecipherGCM, randomBytes } from 'node:crypto';
import { closeSync, createReadStream, createWriteStream, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { Decrypter, Encrypter, generateIdentity, identityToRecipient } from 'age-encryption';
import { writeCompleteFile } from '../server/src/platform/files/complete-file.ts';
import { readBlocks } from '../server/src/platform/files/read-blocks.ts';
import { decryptFile, encryptFile, type FileStream } from '../server/src/security/crypto/files/file-encryption.ts';
import { type Done, inTurns } from './support/in-turns.ts';
import { atLeast, type Outcome } from './support/outcome.ts';

const ROUNDS = 5;
const MB = 1_048_576;
/** The bare side does 1 to 5 GB/s, the package age-encryption a hundredth of that. */
const BYTES = { gcm: 256 * MB, age: 24 * MB, file: 128 * MB } as const;
/** What Node's streams of files read at once unless told. */
const PIECE_BYTES = 65_536;
const TARGET = { gcm: 0.6, age: 0.8 } as const;

const to = { passphrase: 'five words are much better', iterations: 600_000 };
const by = { passphrase: async () => to.passphrase };

/**
 * Bytes a second to those of the bare engine, over the same stream of 64 KiB pieces in memory; and from file to file, with fsync on both sides.
 * Keys are made before the clock starts: the passphrase's half second is the same for a file of any size, and is printed beside.
 */
export async function fileEncryption(): Promise<Outcome[]> {
  return [...(await passphraseToBareGcm()), ...(await ageToPackage()), await fromFileToFile()];
}

async function passphraseToBareGcm(): Promise<Outcome[]> {
  const plain = randomBytes(BYTES.gcm);
  const derivation = await secondsOf(
    async () => void (await encryptFile(piecesOf(plain), { ...to, iterations: 1_000_000 })),
  );
  const sealed = await collected((await encryptFile(piecesOf(plain), to)).blocks);
  const key = randomBytes(32);
  const cipher = createCipheriv('aes-256-gcm', key, Buffer.alloc(12));
  const bare = Buffer.concat([cipher.update(plain), cipher.final()]);

  const encryption = await inTurns(
    ROUNDS,
    () => drained(encryptFile(piecesOf(plain), to), BYTES.gcm),
    () => piped(piecesOf(plain), createCipheriv('aes-256-gcm', key, Buffer.alloc(12)), BYTES.gcm),
  );
  const decryption = await inTurns(
    ROUNDS,
    () => drained(decryptFile(piecesOf(sealed), by), BYTES.gcm),
    () => {
      const decipher = createDecipheriv('aes-256-gcm', key, Buffer.alloc(12)).setAuthTag(cipher.getAuthTag());
      return piped(piecesOf(bare), decipher, BYTES.gcm);
    },
  );
  const beside = `bare AES-256-GCM; the key took ${derivation.toFixed(2)} s before`;
  return [
    outcome('files.passphrase_encrypt_vs_bare_gcm', encryption, TARGET.gcm, beside),
    outcome('files.passphrase_decrypt_vs_bare_gcm', decryption, TARGET.gcm, beside),
  ];
}

async function ageToPackage(): Promise<Outcome[]> {
  const plain = randomBytes(BYTES.age);
  const identity = await generateIdentity();
  const recipients = [await identityToRecipient(identity)];
  const sealed = await collected((await encryptFile(piecesOf(plain), { recipients })).blocks);
  const encrypter = new Encrypter();
  for (const recipient of recipients) encrypter.addRecipient(recipient);
  const decrypter = new Decrypter();
  decrypter.addIdentity(identity);

  const encryption = await inTurns(
    ROUNDS,
    () => drained(encryptFile(piecesOf(plain), { recipients }), BYTES.age),
    () => drainedWeb(encrypter.encrypt(ReadableStream.from(piecesOf(plain))), BYTES.age),
  );
  const decryption = await inTurns(
    ROUNDS,
    () => drained(decryptFile(piecesOf(sealed), { identities: [identity] }), BYTES.age),
    () => drainedWeb(decrypter.decrypt(ReadableStream.from(piecesOf(sealed))), BYTES.age),
  );
  return [
    outcome('files.age_encrypt_vs_package', encryption, TARGET.age, 'the package age-encryption alone'),
    outcome('files.age_decrypt_vs_package', decryption, TARGET.age, 'the package age-encryption alone'),
  ];
}

async function fromFileToFile(): Promise<Outcome> {
  const folder = mkdtempSync(join(tmpdir(), 'valtronics-bench-files-'));
  const [plain, target] = [join(folder, 'plain'), join(folder, 'target')];
  try {
    writeFileSync(plain, randomBytes(BYTES.file));
    const ours = async (): Promise<Done> => {
      const descriptor = openSync(plain, 'r');
      try {
        const { blocks } = await encryptFile(readBlocks(descriptor), to);
        return await timed(BYTES.file, () => writeCompleteFile({ target, replaces: true }, blocks));
      } finally {
        closeSync(descriptor);
      }
    };
    const theirs = (): Promise<Done> =>
      timed(BYTES.file, () =>
        pipeline(
          createReadStream(plain),
          createCipheriv('aes-256-gcm', randomBytes(32), randomBytes(12)),
          createWriteStream(target, { flush: true }),
        ),
      );
    const comparison = await inTurns(ROUNDS, ours, theirs);
    return outcome(
      'files.passphrase_encrypt_files_vs_bare_gcm',
      comparison,
      TARGET.gcm,
      'bare AES-256-GCM, from file to file',
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function* piecesOf(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += PIECE_BYTES) yield bytes.subarray(at, at + PIECE_BYTES);
}

async function drained(starting: Promise<FileStream>, bytes: number): Promise<Done> {
  const { blocks } = await starting;
  return timed(bytes, async () => {
    for await (const _ of blocks);
  });
}

async function drainedWeb(starting: Promise<ReadableStream<Uint8Array>>, bytes: number): Promise<Done> {
  const stream = await starting;
  return timed(bytes, async () => {
    for await (const _ of stream);
  });
}

function piped(pieces: AsyncIterable<Uint8Array>, cipher: CipherGCM | DecipherGCM, bytes: number): Promise<Done> {
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
  return timed(bytes, () => pipeline(Readable.from(pieces), cipher, nowhere));
}

async function timed(bytes: number, work: () => Promise<unknown>): Promise<Done> {
  return { count: bytes, seconds: await secondsOf(work) };
}

async function secondsOf(work: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await work();
  return (performance.now() - started) / 1_000;
}

async function collected(blocks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const block of blocks) parts.push(Buffer.from(block));
  return Buffer.concat(parts);
}

function outcome(
  name: string,
  { ours, theirs, ratio, ratios }: Awaited<ReturnType<typeof inTurns>>,
  target: number,
  what: string,
): Outcome {
  const speed = ({ count, seconds }: Done): string => `${Math.round(count / seconds / 1e6).toLocaleString('en')} MB/s`;
  return atLeast(name, ratio, target, 'x', `${speed(ours)} vs ${speed(theirs)} of ${what}, ${ratios}`);
}
