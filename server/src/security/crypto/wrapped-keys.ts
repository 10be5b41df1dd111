import { randomBytes } from 'node:crypto';
import { canonicalJson } from '../../lib/canonical-json.ts';
import { deriveKey } from './derive-key.ts';
import { unwrapKey, wrapKey } from './key-wrap.ts';
import type { RootKey } from './root-key.ts';

// Which key wraps which (docs/decisions/0007-key-hierarchy.md). AES-KWP authenticates a key but takes no additional data, so what a wrapped key is
// for goes into the key that wraps it: moved to another epoch, organisation or subject it does not unwrap. Two owners never have one encoding,
// since it is canonical JSON of a fixed array.

const KEY_BYTES = 32;

/** Whose data a data key seals: the instance's (both null), an organisation's, or those of one subject of it. */
export interface KeyOwner {
  readonly organisation: number | null;
  readonly subject: string | null;
}

export const newKey = (): Buffer => randomBytes(KEY_BYTES);

export function wrapEpochKey(rootKey: RootKey, epoch: number, key: Uint8Array): Buffer {
  return wrapKey(rootKey.deriveKey(`wrap-epoch/1/${epoch}`), key);
}

/** The key, or a KeyWrapError: altered, of another epoch, or of another root key. */
export function unwrapEpochKey(rootKey: RootKey, epoch: number, wrapped: Uint8Array): Buffer {
  return unwrapKey(rootKey.deriveKey(`wrap-epoch/1/${epoch}`), wrapped);
}

export function wrapDataKey(epochKey: Uint8Array, owner: KeyOwner, key: Uint8Array): Buffer {
  return wrapKey(wrappingKeyFor(epochKey, owner), key);
}

/** The key, or a KeyWrapError: altered, of another owner, or of another epoch. */
export function unwrapDataKey(epochKey: Uint8Array, owner: KeyOwner, wrapped: Uint8Array): Buffer {
  return unwrapKey(wrappingKeyFor(epochKey, owner), wrapped);
}

function wrappingKeyFor(epochKey: Uint8Array, { organisation, subject }: KeyOwner): Buffer {
  const label = canonicalJson(['valtronics/wrap-data/1', organisation, subject]);
  return deriveKey(epochKey, Buffer.alloc(0), label, KEY_BYTES);
}
