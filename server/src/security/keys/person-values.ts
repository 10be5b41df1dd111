import { type Place, SealError } from '../crypto/sealed-value.ts';
import type { DataKeys } from './data-keys.ts';
import { KeyStoreError } from './subject-key.repository.ts';

export type PersonKeys = Pick<DataKeys, 'seal' | 'open' | 'isDestroyed'>;

/** With whose key; null: that of the organisation, since nobody was measured or there is no key for who was. */
export interface Sealed {
  readonly sealed: Buffer;
  readonly subject: string | null;
}

/** The key was destroyed with the person it was of. */
export const ERASED = Symbol('erased');
/** The key store is there and has no such key: it may come back with a copy of the key store. */
export const LOST = Symbol('lost');
/** The key store cannot be asked: nothing is known of the value until it can. */
export const LOCKED = Symbol('locked');
/** Altered, moved, or under a key that does not open it. */
export const DAMAGED = Symbol('damaged');
/** Why a value did not open. */
export type Unopened = typeof ERASED | typeof LOST | typeof LOCKED | typeof DAMAGED;

export const isOpened = <T>(value: T | Unopened): value is T =>
  value !== ERASED && value !== LOST && value !== LOCKED && value !== DAMAGED;

/** Who remembers what is to be sealed again once there is a key for whose it is. */
export interface OwedToPersons {
  owed(subject: string): Promise<void>;
}

/** Values about persons measured, of which the row beside the value says whose key it lies under. */
export interface PersonValues {
  seal(plain: Uint8Array | string, place: Place, subject: string | null): Promise<Sealed>;
  /** Never a SealError: whoever goes through many values decides what one that does not open means for the others. */
  open(value: Sealed, place: Place): Promise<Buffer | Unopened>;
}

export function createPersonValues(dataKeys: PersonKeys, persons: OwedToPersons): PersonValues {
  const isErased = ({ organisation }: Place, subject: string) => dataKeys.isDestroyed(organisation ?? 0, subject);

  return {
    /**
     * Where there is no key for a person (they are being erased, or the key store is missing) what is measured is still taken in: sealed for the
     * organisation, which is what it would be had nobody said whom the device measures. That it is owed to somebody who is not erased is written down
     * before, so that it is sealed again for them once there is a key, whoever is killed in between.
     */
    async seal(plain, place, subject) {
      if (subject !== null) {
        try {
          return { sealed: await dataKeys.seal(plain, place, subject), subject };
        } catch (error) {
          if (!isWithoutKey(error)) throw error;
          if (!(await isErased(place, subject))) await persons.owed(subject);
        }
      }
      return { sealed: await dataKeys.seal(plain, place), subject: null };
    },

    async open({ sealed, subject }, place) {
      try {
        return await dataKeys.open(sealed, place, subject ?? undefined);
      } catch (error) {
        if (!(error instanceof SealError)) throw error;
        if (!isWithoutKey(error) || subject === null) return DAMAGED;
        if (error.cause instanceof KeyStoreError) return LOCKED;
        return (await isErased(place, subject)) ? ERASED : LOST;
      }
    },
  };
}

const isWithoutKey = (error: unknown): error is SealError => error instanceof SealError && error.problem === 'no-key';
