import type { Clock } from '../../lib/clock.ts';
import type { Transactions } from '../audit/transactions.types.ts';
import { blindIndex, blindIndexKey } from '../crypto/blind-index.ts';
import type { KeyRing } from '../crypto/key-ring.ts';
import { openValue, type Place, readSealHeader, SealError, sealValue } from '../crypto/sealed-value.ts';
import type { KeyOwner } from '../crypto/wrapped-keys.ts';
import { type BlindIndex, indexedForm } from './blind-indexes.ts';
import type { OnDamaged } from './damaged-values.ts';
import type { KeyEpoch, KeyEpochs } from './key-epochs.ts';
import { createOpenedTexts } from './opened-texts.ts';
import { createOwnedKeys, type KeyStore, ownedKeyName } from './owned-keys.ts';
import { KeyStoreError } from './subject-key.repository.ts';
import type { StoredSubject, SubjectKeyStore } from './subject-key-store.ts';

/** Epochs that are made while one look-up is under way. */
const MOST_ASKED = 3;

/** Seals and opens what lies in the database, each value with the data key of whose it is. */
export interface DataKeys {
  /**
   * Seals under the active epoch, for a subject or (undefined) for the organisation of the place, or the instance. The first value of an owner
   * makes its key, which stays also when what the value was for is undone. Throws a SealError `no-key` for a subject whose key was destroyed, and for all
   * of them where the key store is missing; then its cause is the KeyStoreError.
   */
  seal(plaintext: Uint8Array | string, place: Place, subject?: string): Promise<Buffer>;
  /** The plaintext, whole and authentic, or a SealError: `retired-epoch`, `no-key` and `refused` among others. Damage is told. */
  open(sealed: Uint8Array, place: Place, subject?: string): Promise<Buffer>;
  /**
   * The texts of many, in their order: one look for each key and one for the key store, and then no pause. Undefined, and told, where one does not open: a
   * value that somebody altered takes no other along. Null where the key of its subject is not there.
   */
  openAll(values: readonly SealedValue[]): Promise<(string | null | undefined)[]>;
  /** A text and what it is found by, both under one epoch, so that a rotation renews them together. `indexed`: the index is of that instead. */
  sealIndexed(
    text: string,
    place: Place,
    index: BlindIndex,
    of?: { readonly subject?: string | undefined; readonly indexed?: string },
  ): Promise<{ sealed: Buffer; index: Buffer }>;
  /**
   * Looks for a text by its index. `ask` gets one index for each epoch that may be in use, and reads the newest epoch there is together with what it
   * finds by them, or after it: where another server has made one that is not known here, what was found is not believed and it is asked again.
   */
  findIndexed<T>(
    index: BlindIndex,
    organisation: number | null,
    text: string,
    ask: (indexes: Buffer[]) => Promise<{ readonly newest: number; readonly found: T }>,
  ): Promise<T>;
  /** For good: whatever was sealed for the subject opens no more, and nothing can be sealed for them again. */
  destroySubject(organisation: number, subject: string): Promise<void>;
  /** Whether it is known here that their key was destroyed: any other that is not there may still come back with a copy of the key store. */
  isDestroyed(organisation: number, subject: string): Promise<boolean>;
  /** The same of many, with one look for the key store: which of them. */
  destroyedAmong(subjects: readonly StoredSubject[]): Promise<ReadonlySet<string>>;
}

export interface SealedValue {
  readonly sealed: Uint8Array;
  readonly place: Place;
  readonly subject?: string | undefined;
}

/** What most need: nothing of theirs is sealed for a subject. */
export type Sealing = Pick<DataKeys, 'seal' | 'open'>;

export function createDataKeys(deps: {
  /** On connections of their own: values are sealed and opened in the middle of other transactions. */
  readonly transactions: Pick<Transactions, 'read' | 'unowned' | 'unaudited'>;
  readonly epochs: Pick<KeyEpochs, 'active' | 'find' | 'known' | 'list'>;
  readonly subjectKeys: KeyStore;
  /** Opens what was sealed before there were data keys. */
  readonly keyRing: Pick<KeyRing, 'open'>;
  readonly clock: Clock;
  readonly onDamaged?: OnDamaged | undefined;
}): DataKeys {
  const { transactions, epochs, subjectKeys, keyRing, clock, onDamaged } = deps;
  const ownedKeys = createOwnedKeys({ transactions, subjectKeys, clock });
  const texts = createOpenedTexts();

  /** The epoch a value names, and the key that opens it; undefined for what was sealed before there were data keys. */
  async function openerOf({ sealed, place, subject }: SealedValue, store = subjectKeys): Promise<Buffer | undefined> {
    const { version, epoch: number } = readSealHeader(sealed);
    const epoch = await epochs.find(number);
    if (epoch === undefined)
      throw new SealError('unknown-epoch', `a sealed value names key epoch ${number}, which does not exist`);
    if (epoch.status === 'retired')
      throw new SealError('retired-epoch', `a sealed value is of key epoch ${number}, which is retired`);
    // What epoch 1 sealed is of no subject: it could not have been erased with one.
    if (version === 1 && subject === undefined) return undefined;
    return ownedKeys.get(epoch, ownerOf(place, subject), false, store);
  }

  /** Of each value what opens it, or throws why nothing does. No key is asked for twice, also not one that is not there. */
  async function openersOf(values: readonly SealedValue[]): Promise<(() => Buffer | undefined)[]> {
    let store: Promise<SubjectKeyStore> | undefined;
    const once: KeyStore = () => {
      store ??= subjectKeys();
      return store;
    };
    const asked = new Map<string, () => Buffer | undefined>();
    const openers: (() => Buffer | undefined)[] = [];
    for (const value of values) {
      try {
        const { version, epoch } = readSealHeader(value.sealed);
        const name = `${version} ${ownedKeyName(epoch, ownerOf(value.place, value.subject))}`;
        const opener = asked.get(name) ?? (await outcomeOf(openerOf(value, once)));
        asked.set(name, opener);
        openers.push(opener);
      } catch (error) {
        openers.push(failing(error));
      }
    }
    return openers;
  }

  async function destroyedAmong(subjects: readonly StoredSubject[]): Promise<ReadonlySet<string>> {
    const destroyed = new Set<string>();
    if (subjects.length === 0) return destroyed;
    try {
      const store = await subjectKeys();
      for (const one of subjects) if (await store.isDestroyed(one)) destroyed.add(one.subject);
    } catch (error) {
      if (!(error instanceof KeyStoreError)) throw error;
    }
    return destroyed;
  }

  async function indexOf(
    index: BlindIndex,
    organisation: number | null,
    epoch: KeyEpoch,
    text: string,
    mayMake: boolean,
  ) {
    const owner = { organisation: index.owner === 'instance' ? null : organisation, subject: null };
    const key = blindIndexKey(await ownedKeys.get(epoch, owner, mayMake), {
      ...index,
      organisation: owner.organisation,
    });
    return blindIndex(key, indexedForm(index, text), index.bytes);
  }

  /** Newest first. Retired epochs have no key any more, and epoch 1 never indexed anything. */
  async function indexesOf(index: BlindIndex, organisation: number | null, text: string) {
    const inUse = (await epochs.known()).filter(({ key }) => key !== undefined).sort((a, b) => b.epoch - a.epoch);
    const indexes: Buffer[] = [];
    for (const epoch of inUse) {
      try {
        indexes.push(await indexOf(index, organisation, epoch, text, false));
      } catch (error) {
        // No key was made in this epoch, so nothing was indexed under it.
        if (!(error instanceof SealError && error.problem === 'no-key')) throw error;
      }
    }
    return { newest: inUse[0]?.epoch ?? 0, indexes };
  }

  return {
    async seal(plaintext, place, subject) {
      const epoch = await epochs.active();
      const key = await ownedKeys.get(epoch, ownerOf(place, subject), true);
      return sealValue(key, { version: 2, epoch: epoch.epoch }, plaintext, place);
    },

    async open(sealed, place, subject) {
      try {
        const key = await openerOf({ sealed, place, subject });
        return key === undefined ? keyRing.open(sealed, place) : openValue(key, sealed, place);
      } catch (error) {
        if (error instanceof SealError && !isExplained(error, subject)) onDamaged?.(place, error.problem, sealed);
        throw error;
      }
    },

    async openAll(values) {
      const openers = (await openersOf(values)).values();
      return values.map(({ sealed, place, subject }) => {
        try {
          const key = openers.next().value?.();
          return key === undefined ? keyRing.open(sealed, place).toString() : texts.open(key, sealed, place);
        } catch (error) {
          if (!(error instanceof SealError)) throw error;
          if (isExplained(error, subject)) return null;
          onDamaged?.(place, error.problem, sealed);
          return undefined;
        }
      });
    },

    async sealIndexed(text, place, index, { subject, indexed = text } = {}) {
      const epoch = await epochs.active();
      const key = await ownedKeys.get(epoch, ownerOf(place, subject), true);
      return {
        sealed: sealValue(key, { version: 2, epoch: epoch.epoch }, text, place),
        index: await indexOf(index, place.organisation, epoch, indexed, true),
      };
    },

    async findIndexed(index, organisation, text, ask) {
      for (let asked = 1; ; asked += 1) {
        const { newest: known, indexes } = await indexesOf(index, organisation, text);
        const { newest, found } = await ask(indexes);
        if (newest <= known || asked >= MOST_ASKED) return found;
        await epochs.list();
      }
    },

    async destroySubject(organisation, subject) {
      await (await subjectKeys()).destroy({ organisation, subject }, clock.date());
      const { epoch: newest } = await epochs.active();
      for (let epoch = 1; epoch <= newest; epoch += 1) ownedKeys.forget(epoch, { organisation, subject });
    },

    isDestroyed: async (organisation, subject) => (await destroyedAmong([{ organisation, subject }])).has(subject),
    destroyedAmong,
  };
}

function ownerOf({ organisation }: Place, subject: string | undefined): KeyOwner {
  if (subject !== undefined && organisation === null)
    throw new SealError('bad-input', 'a subject belongs to an organisation');
  return { organisation, subject: subject ?? null };
}

/** What came of it, to be had again and again: the result or a SealError. */
async function outcomeOf<T>(work: Promise<T>): Promise<() => T> {
  try {
    const result = await work;
    return () => result;
  } catch (error) {
    return failing(error);
  }
}

function failing(error: unknown): () => never {
  if (!(error instanceof SealError)) throw error;
  return () => {
    throw error;
  };
}

/** By an erasure or by a missing key store; nothing else that does not open is. */
const isExplained = ({ problem }: SealError, subject: string | undefined): boolean =>
  problem === 'no-key' && subject !== undefined;
