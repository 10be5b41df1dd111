import { createHmac } from 'node:crypto';
import { canonicalJson } from '../../lib/canonical-json.ts';
import type { RootKey } from './root-key.ts';
import { openValue, type Place, readSealHeader, SealError, sealValue } from './sealed-value.ts';

export interface KeyRing {
  seal(plaintext: Uint8Array | string, place: Place): Buffer;
  /** The plaintext, whole and authentic, or a SealError. */
  open(sealed: Uint8Array, place: Place): Buffer;
  /**
   * A name for a text (HMAC-SHA-256, 32 bytes): the same text has the same name within a purpose, and nobody without the root key can
   * find out which text it is, however few there are to try.
   */
  pseudonym(purpose: string, text: string): Buffer;
}

// The epoch that is derived from the root key itself. It needs no database, so it is what the database's own credentials are sealed with.
const HOST_EPOCH = { version: 1, epoch: 1 } as const;

export function createKeyRing(rootKey: RootKey): KeyRing {
  const pseudonymKey = rootKey.deriveKey('pseudonym/1');
  const sealingKey = rootKey.deriveKey(`seal-epoch/${HOST_EPOCH.epoch}`);

  return {
    seal: (plaintext, place) => sealValue(sealingKey, HOST_EPOCH, plaintext, place),

    open(sealed, place) {
      const { version, epoch } = readSealHeader(sealed);
      if (version !== HOST_EPOCH.version)
        throw new SealError('unknown-version', 'a sealed value was sealed with a data key, not with the root key');
      if (epoch !== HOST_EPOCH.epoch)
        throw new SealError('unknown-epoch', `a sealed value names key epoch ${epoch}, which is not in the key ring`);
      return openValue(sealingKey, sealed, place);
    },

    // As canonical JSON of a fixed array, so that no purpose and text read like another pair of them.
    pseudonym: (purpose, text) =>
      createHmac('sha256', pseudonymKey)
        .update(canonicalJson(['valtronics/pseudonym/1', purpose, text]))
        .digest(),
  };
}
