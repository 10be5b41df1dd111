import { hash } from 'node:crypto';
import { createScratch } from './scratch.ts';

// Merkle trees of RFC 6962, section 2.1, over SHA-256. A leaf is hashed after the byte 0 and two nodes after the byte 1, so that no node can
// be passed off as a leaf.

export const HASH_BYTES = 32;
export type Hash = Buffer;

/**
 * As a text of one character a byte: a hash that is made as a buffer gets memory of its own, which costs more than hashing it. `binary` is latin1
 * by the name that Node looks up fastest.
 */
const digest = (bytes: Uint8Array): string => hash('sha256', bytes, 'binary');
const sha256 = (bytes: Uint8Array): Hash => Buffer.from(digest(bytes), 'latin1');

export const EMPTY_ROOT: Hash = sha256(Buffer.alloc(0));

const pair = Buffer.alloc(1 + 2 * HASH_BYTES);
pair[0] = 1;
const scratch = createScratch();

export function leafHash(entry: Uint8Array): Hash {
  const leaf = scratch.of(entry.length + 1);
  leaf[0] = 0;
  leaf.set(entry, 1);
  return sha256(scratch.first(entry.length + 1));
}

/** Hashes the entry at `start` to before `end` of `bytes` into a row of hashes, at this place of it. */
export function hashLeafInto(row: Buffer, place: number, bytes: Buffer, start: number, end: number): void {
  const leaf = scratch.of(end - start + 1);
  leaf[0] = 0;
  bytes.copy(leaf, 1, start, end);
  row.write(digest(scratch.first(end - start + 1)), place * HASH_BYTES, 'latin1');
}

export function nodeHash(left: Uint8Array, right: Uint8Array): Hash {
  pair.set(left, 1);
  pair.set(right, 1 + HASH_BYTES);
  return sha256(pair);
}

/** The root over a row of hashes, one after the other, as many as a power of two. */
export function rootOfRow(row: Buffer): Hash {
  const above = Buffer.from(row);
  for (let count = row.length / HASH_BYTES; count > 1; count /= 2) {
    for (let index = 0; index < count; index += 2) {
      above.copy(pair, 1, index * HASH_BYTES, (index + 2) * HASH_BYTES);
      above.write(digest(pair), (index / 2) * HASH_BYTES, 'latin1');
    }
  }
  return Buffer.from(above.subarray(0, HASH_BYTES));
}

/** The largest power of two below `n`, which is at least 2: where the RFC splits a tree of `n`. */
export function splitOf(n: number): number {
  let power = 1;
  while (power * 2 < n) power *= 2;
  return power;
}

/** The root over subtrees that are complete and alike, except that the last may be what remains. */
export function rootOf(hashes: readonly Hash[]): Hash {
  if (hashes.length === 0) return EMPTY_ROOT;
  let row = hashes;
  while (row.length > 1) {
    const above: Hash[] = [];
    for (let index = 0; index + 1 < row.length; index += 2) {
      above.push(nodeHash(row[index] as Hash, row[index + 1] as Hash));
    }
    if (row.length % 2 === 1) above.push(row[row.length - 1] as Hash);
    row = above;
  }
  return row[0] as Hash;
}

/** Whether the leaf stands at `index` of the tree of that size and root (RFC 9162, 2.1.3.2, which proves what RFC 6962 describes). */
export function includes(at: { leaf: Hash; index: number; size: number; proof: readonly Hash[]; root: Hash }): boolean {
  const { leaf, index, size, proof, root } = at;
  if (!Number.isSafeInteger(index) || !Number.isSafeInteger(size) || index < 0 || index >= size) return false;
  let node = index;
  let last = size - 1;
  let reached = leaf;
  for (const sibling of proof) {
    if (last === 0) return false;
    if (node % 2 === 1 || node === last) {
      reached = nodeHash(sibling, reached);
      while (node % 2 === 0 && node !== 0) {
        node /= 2;
        last = Math.floor(last / 2);
      }
    } else {
      reached = nodeHash(reached, sibling);
    }
    node = Math.floor(node / 2);
    last = Math.floor(last / 2);
  }
  return last === 0 && reached.equals(root);
}

export interface Head {
  readonly size: number;
  readonly root: Hash;
}

/** Whether the newer tree begins with the older one (RFC 9162, 2.1.4.2). */
export function isConsistent(older: Head, newer: Head, proof: readonly Hash[]): boolean {
  if (older.size > newer.size || older.size < 0) return false;
  if (older.size === newer.size) return proof.length === 0 && older.root.equals(newer.root);
  if (older.size === 0) return proof.length === 0 && older.root.equals(EMPTY_ROOT);
  let node = older.size - 1;
  let last = newer.size - 1;
  while (node % 2 === 1) {
    node = (node - 1) / 2;
    last = Math.floor(last / 2);
  }
  // A complete older tree is a node of the newer one, so its root is where both begin and the proof leaves it out.
  const path = node === 0 ? [older.root, ...proof] : [...proof];
  const [first, ...rest] = path;
  if (first === undefined) return false;
  let ofOlder = first;
  let ofNewer = first;
  for (const sibling of rest) {
    if (last === 0) return false;
    if (node % 2 === 1 || node === last) {
      ofOlder = nodeHash(sibling, ofOlder);
      ofNewer = nodeHash(sibling, ofNewer);
      while (node % 2 === 0 && node !== 0) {
        node /= 2;
        last = Math.floor(last / 2);
      }
    } else {
      ofNewer = nodeHash(ofNewer, sibling);
    }
    node = Math.floor(node / 2);
    last = Math.floor(last / 2);
  }
  return last === 0 && ofOlder.equals(older.root) && ofNewer.equals(newer.root);
}
