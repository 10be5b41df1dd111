import { describe, expect, it } from 'vitest';
import { checkpointText, openCheckpoint, parseCheckpoint } from './checkpoint.ts';
import { readCheckpoints } from './checkpoint-list.ts';
import { leafHash } from './merkle.ts';
import {
  isSignedBy,
  NoteError,
  parseNote,
  parseVerifier,
  signatureLine,
  signerOf,
  signNote,
  verifierText,
} from './signed-note.ts';
import { ProofError, parseProof, writeProof } from './tlog-proof.ts';

// The key and the note that implementations of signed notes are tested with.
const NEUMANN = 'PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW';
const TEXT =
  'If you think cryptography is the answer to your problem,\nthen you don\u2019t know what your problem is.\n'.replace(
    '\u2019',
    "'",
  );
const SIGNATURE =
  '\u2014 PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n';
const NOTE = `${TEXT}\n${SIGNATURE}`;

describe('signed notes', () => {
  it('a note of another implementation verifies with its key', () => {
    const key = parseVerifier(NEUMANN);
    expect(isSignedBy(parseNote(NOTE), key)).toBe(true);
    expect(verifierText(key)).toBe(NEUMANN);
  });

  it('altered anywhere, it does not', () => {
    const key = parseVerifier(NEUMANN);
    expect(() => isSignedBy(parseNote(NOTE.replace('answer', 'question')), key)).toThrow(NoteError);
    expect(() => isSignedBy(parseNote(NOTE.replace('x08go/ZJ', 'x08go/ZK')), key)).toThrow(NoteError);
    // Another name or id is another key, which is not asked about.
    expect(isSignedBy(parseNote(NOTE.replace(' PeterNeumann', ' PeterNewman')), key)).toBe(false);
    expect(isSignedBy(parseNote(NOTE.replace('x08go', 'y08go')), key)).toBe(false);
  });

  it.each([
    ['no signature', TEXT],
    ['an empty one', `${TEXT}\n\u2014 a \n`],
    ['no blank line', `${TEXT}${SIGNATURE}`],
    ['no last newline', NOTE.slice(0, -1)],
    ['a hyphen for the dash', NOTE.replace('\u2014', '-')],
    ['base64 that is not the one spelling', NOTE.replace('nAM=', 'nAN=')],
    ['a carriage return', NOTE.replace('problem,', 'problem,\r')],
    ['a control character', NOTE.replace('If', 'I\u0001f')],
    ['more than it may have', `${TEXT}\n${SIGNATURE.repeat(65)}`],
    ['more bytes than it may have', `${'x'.repeat(70_000)}\n\n${SIGNATURE}`],
  ])('a note with %s is refused', (_, note) => {
    expect(() => parseNote(note)).toThrow(NoteError);
  });

  it.each([
    ['another id', NEUMANN.replace('c74f20a3', 'c74f20a4')],
    ['another key', NEUMANN.replace('10TW', '10TX')],
    ['another name', `x${NEUMANN}`],
    ['no id', 'PeterNeumann+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW'],
    ['another kind of key', 'a+00000000+Ag=='],
  ])('a key with %s is refused', (_, text) => {
    expect(() => parseVerifier(text)).toThrow(NoteError);
  });

  it('what is signed here verifies, by itself and beside the line of a witness', () => {
    const signer = signerOf('example.com/log', Buffer.alloc(32, 7));
    const witness = signerOf('example.com/witness', Buffer.alloc(32, 8), 4);
    const note = signNote('hello\n', signer) + signatureLine('hello\n', witness, 1_700_000_000);
    const parsed = parseNote(note);
    expect([isSignedBy(parsed, signer), isSignedBy(parsed, witness)]).toEqual([true, true]);
    expect(isSignedBy(parsed, signerOf('example.com/log', Buffer.alloc(32, 8)))).toBe(false);
    // The time is part of what a witness signs.
    const line = signatureLine('hello\n', witness, 1_700_000_000);
    const bytes = Buffer.from(line.split(' ')[2] ?? '', 'base64');
    bytes.writeBigUInt64BE(1_700_000_001n, 4);
    const later = `hello\n\n\u2014 example.com/witness ${bytes.toString('base64')}\n`;
    expect(() => isSignedBy(parseNote(later), witness)).toThrow(NoteError);
    expect(parseVerifier(verifierText(witness)).type).toBe(4);
  });

  it('the vector of c2sp.org/tlog-cosignature: the ids of its keys are where they belong', () => {
    const note = parseNote(
      'example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n' +
        '\u2014 example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n' +
        '\u2014 witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==\n',
    );
    expect(parseCheckpoint(note.text)).toMatchObject({ origin: 'example.com/behind-the-sofa', size: 20_852_163 });
    expect(note.signatures[1]?.signature.readBigUInt64BE(0)).toBe(1_679_315_147n);
  });
});

describe('checkpoints', () => {
  const signer = signerOf('example.com/audit/abc/instance', Buffer.alloc(32, 7));
  const head = { origin: signer.name, size: 5, root: leafHash(Buffer.from('x')) };
  const note = signNote(checkpointText(head), signer);

  it('open with the key of the log, or with the one of the installation its name lies below', () => {
    const whole = signerOf('example.com/audit/abc', Buffer.alloc(32, 7));
    expect(openCheckpoint(note, [signer])).toMatchObject(head);
    expect(openCheckpoint(note, [whole])).toMatchObject(head);
    expect(() => openCheckpoint(note, [signerOf('example.com/audit/abcd', Buffer.alloc(32, 7))])).toThrow(NoteError);
    expect(() => openCheckpoint(note, [signerOf('example.com/audit/abc', Buffer.alloc(32, 8))])).toThrow(NoteError);
    expect(() => openCheckpoint(note, [signerOf(signer.name, Buffer.alloc(32, 7), 4)])).toThrow(NoteError);
    expect(() => openCheckpoint(note, [])).toThrow(NoteError);
  });

  it.each(['05', '-1', '1e3', '', '9007199254740993'])('a size of %j is none', (size) => {
    expect(() => parseCheckpoint(`a\n${size}\n${head.root.toString('base64')}\n`)).toThrow(NoteError);
  });

  it('are found one after the other, and in the lines a SIEM keeps', () => {
    const events = JSON.stringify({ action: 'audit.checkpoint', details: { size: 5, note } });
    expect(readCheckpoints(`${note}\n${note}\n`)).toEqual([note, note]);
    expect(readCheckpoints(note)).toEqual([note]);
    expect(readCheckpoints(`${events}\n{"other":1}\n${events}\n`)).toEqual([note, note]);
  });
});

describe('proofs', () => {
  const hashes = [leafHash(Buffer.from('a')), leafHash(Buffer.from('b'))];
  const checkpoint = 'checkpoint\n';

  it('are written as c2sp.org/tlog-proof says, and read again', () => {
    const [first, second] = hashes.map((hash) => hash.toString('base64'));
    const text = writeProof({ index: 10, hashes, checkpoint, extra: Buffer.from('extra information') });
    expect(text).toBe(
      `c2sp.org/tlog-proof@v1\nextra ZXh0cmEgaW5mb3JtYXRpb24=\nindex 10\n${first}\n${second}\n\ncheckpoint\n`,
    );
    expect(parseProof(text)).toEqual({ index: 10, hashes, checkpoint, extra: Buffer.from('extra information') });
    const least = writeProof({ index: 0, hashes: [], checkpoint, extra: undefined });
    expect(least).toBe('c2sp.org/tlog-proof@v1\nindex 0\n\ncheckpoint\n');
    expect(parseProof(least)).toEqual({ index: 0, hashes: [], checkpoint, extra: undefined });
  });

  it.each([
    ['another header', 'wrong\nindex 0\n\ncheckpoint\n'],
    ['no index', 'c2sp.org/tlog-proof@v1\n\ncheckpoint\n'],
    ['an index with a zero before it', 'c2sp.org/tlog-proof@v1\nindex 01\n\ncheckpoint\n'],
    ['a hash too short', 'c2sp.org/tlog-proof@v1\nindex 0\nAAAA\n\ncheckpoint\n'],
    ['no base64', 'c2sp.org/tlog-proof@v1\nindex 0\n!!!!\n\ncheckpoint\n'],
    ['no end', 'c2sp.org/tlog-proof@v1\nindex 0\n'],
  ])('with %s they are refused', (_, text) => {
    expect(() => parseProof(text)).toThrow(ProofError);
  });
});
