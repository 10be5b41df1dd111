import { type Place, SealError } from '../crypto/sealed-value.ts';
import type { DataKeys } from './data-keys.ts';

export type PersonKeys = Pick<DataKeys, 'seal' | 'open' | 'isDestroyed'>;

/** With whose key; null: that of the organisation, since nobody was measured or there is no key for who was. */
export interface Sealed {
  readonly sealed: Buffer;
  readonly subject: string | null;
}

/** Values about persons measured, of which the row beside the value says whose key it lies under. */
export interface PersonValues {
  seal(plain: Uint8Array | string, place: Place, subject: string | null): Promise<Sealed>;
  /** Null: of somebody erased. A key that is missing otherwise may come back, so it is a SealError. */
  open(value: Sealed, place: Place): Promise<Buffer | null>;
}

export function createPersonValues(dataKeys: PersonKeys): PersonValues {
  return {
    /**
     * Where there is no key for a person (they are being erased, or the key store is missing) what is measured is still taken in: sealed for the
     * organisation, which is what it would be had nobody said whom the device measures. It is sealed again, or goes, as times change hands.
     */
    async seal(plain, place, subject) {
      if (subject !== null) {
        try {
          return { sealed: await dataKeys.seal(plain, place, subject), subject };
        } catch (error) {
          if (!isWithoutKey(error)) throw error;
        }
      }
      return { sealed: await dataKeys.seal(plain, place), subject: null };
    },

    async open({ sealed, subject }, place) {
      try {
        return await dataKeys.open(sealed, place, subject ?? undefined);
      } catch (error) {
        const isErased =
          isWithoutKey(error) && subject !== null && (await dataKeys.isDestroyed(place.organisation ?? 0, subject));
        if (isErased) return null;
        throw error;
      }
    },
  };
}

const isWithoutKey = (error: unknown): boolean => error instanceof SealError && error.problem === 'no-key';
