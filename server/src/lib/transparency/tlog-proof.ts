import { HASH_BYTES, type Hash } from './merkle.ts';

// Proofs a stranger can keep in a file (c2sp.org/tlog-proof@v1). The extra line holds the leaf itself and, as far as they are not erased,
// the personal values behind its commitments: nothing in it is believed before it was hashed.

export class ProofError extends Error {
  override readonly name = 'ProofError';
}

const HEADER = 'c2sp.org/tlog-proof@v1';
const MAX_PROOF_BYTES = 256 * 1024;
const MAX_HASHES = 64;

export interface TlogProof {
  readonly index: number;
  readonly hashes: readonly Hash[];
  readonly checkpoint: string;
  readonly extra: Buffer | undefined;
}

export function writeProof({ index, hashes, checkpoint, extra }: TlogProof): string {
  return [
    HEADER,
    ...(extra === undefined ? [] : [`extra ${extra.toString('base64')}`]),
    `index ${index}`,
    ...hashes.map((hash) => hash.toString('base64')),
    '',
    checkpoint,
  ].join('\n');
}

export function parseProof(text: string): TlogProof {
  if (Buffer.byteLength(text) > MAX_PROOF_BYTES) throw new ProofError('a proof is at most 256 KiB');
  const end = text.indexOf('\n\n');
  const lines = text.slice(0, Math.max(end, 0)).split('\n');
  if (lines.shift() !== HEADER) throw new ProofError(`a proof begins with ${HEADER}`);
  const extra = lines[0]?.startsWith('extra ') ? base64(lines.shift()?.slice('extra '.length) ?? '') : undefined;
  const [, decimal] = /^index (0|[1-9]\d{0,15})$/.exec(lines.shift() ?? '') ?? [];
  if (decimal === undefined) throw new ProofError('a proof names the index of its entry');
  if (lines.length > MAX_HASHES) throw new ProofError(`a proof has at most ${MAX_HASHES} hashes`);
  const hashes = lines.map(base64);
  if (hashes.some(({ length }) => length !== HASH_BYTES)) throw new ProofError('a hash of a proof has 32 bytes');
  return { index: Number(decimal), hashes, checkpoint: text.slice(end + 2), extra };
}

function base64(text: string): Buffer {
  const bytes = Buffer.from(text, 'base64');
  if (bytes.toString('base64') !== text) throw new ProofError('a line of the proof is not base64');
  return bytes;
}
