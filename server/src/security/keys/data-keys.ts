import { boundedCache } from '../../lib/bounded-cache.ts';
import type { Clock } from '../../lib/clock.ts';
import type { Transactions } from '../audit/transactions.types.ts';
import { blindIndex, blindIndexKey } from '../crypto/blind-index.ts';
import type { KeyRing } from '../crypto/key-ring.ts';
import { KeyWrapError } from '../crypto/key-wrap.ts';
import { openValue, type Place, readSealHeader, SealError, sealValue } from '../crypto/sealed-value.ts';
import { type KeyOwner, newKey, unwrapDataKey, wrapDataKey } from '../crypto/wrapped-keys.ts';
import { type BlindIndex, indexedForm } from './blind-indexes.ts';
import type { OnDamaged } from './damaged-values.ts';
import { findDataKey, insertDataKey } from './data-key.repository.ts';
import type { KeyEpoch, KeyEpochs } from './key-epochs.ts';
import { createOpenedTexts } from './opened-texts.ts';
import { KeyStoreError } from './subject-key.repository.ts';
import type { StoredSubject, SubjectKeyStore } from './subject-key-store.ts';

const MAX_CACHED_KEYS = 10_000;
/** Epochs that are made while one look-up is under way. */
const MOST_ASKED = 3;
const OWNED_KEY_MS = 3_600_000;
/** A key that was destroyed at another server is used here no longer than this. */
const SUBJECT_KEY_MS = 30_000;

/** Seals and opens what lies in the database, each value with the data key of whose it is. */
export interface DataKeys {
  /**
   * Seals under the active epoch, for a subject or (undefined) for the organisation of the place, or the instance. The first value of an owner
   * makes its key, which stays also when what the value was for is undone. Throws a SealError `no-key` for a subject whose key was destroyed, and for all
   * of them where the key store is missing.
   */
  seal(plaintext: Uint8Array | string, place: Place, subject?: string): Promise<Buffer>;
  /** The plaintext, whole and authentic, or a SealError: `retired-epoch`, `no-key` and `refused` among others. */
  open(sealed: Uint8Array, place: Place, subject?: string): Promise<Buffer>;
  /**
   * The texts of many, in their order: one look for each key, and then no pause. Undefined, and told, where one does not open: a value that somebody
   * altered takes no other along. A SealError `no-key` where the key of a subject is not there.
   */
  openAll(values: readonly SealedValue[]): Promise<(string | undefined)[]>;
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
}

export interface SealedValue {
  readonly sealed: Uint8Array;
  readonly place: Place;
  readonly subject?: string;
}

/** What most need: nothing of theirs is sealed for a subject. */
export type Sealing = Pick<DataKeys, 'seal' | 'open'>;

export function createDataKeys(deps: {
  /** On connections of their own: values are sealed and opened in the middle of other transactions. */
  readonly transactions: Pick<Transactions, 'read' | 'unowned' | 'unaudited'>;
  readonly epochs: Pick<KeyEpochs, 'active' | 'find' | 'known' | 'list'>;
  readonly subjectKeys: () => Promise<SubjectKeyStore>;
  /** Opens what was sealed before there were data keys. */
  readonly keyRing: Pick<KeyRing, 'open'>;
  readonly clock: Clock;
  readonly onDamaged?: OnDamaged | undefined;
}): DataKeys {
  const { transactions, epochs, subjectKeys, keyRing, clock, onDamaged } = deps;
  const cache = boundedCache<Buffer>(MAX_CACHED_KEYS, clock);
  const texts = createOpenedTexts();

  /** Where the key store is missing nobody's key is there, and all else goes on. */
  async function findOfSubject(subject: StoredSubject, epoch: number): Promise<Buffer | undefined> {
    try {
      return await (await subjectKeys()).find(subject, epoch);
    } catch (error) {
      throw error instanceof KeyStoreError ? noKey(error) : error;
    }
  }

  async function findWrapped(epoch: number, { organisation, subject }: KeyOwner): Promise<Buffer | undefined> {
    if (subject !== null) return findOfSubject({ organisation: organisation ?? 0, subject }, epoch);
    return transactions.read(organisation, (reader) => findDataKey(reader, epoch, organisation));
  }

  /** Two that make it at once both go on with the one that was kept. */
  async function make(epoch: KeyEpoch & { readonly key: Buffer }, owner: KeyOwner): Promise<void> {
    const wrapped = wrapDataKey(epoch.key, owner, newKey());
    const { organisation, subject } = owner;
    if (subject !== null) {
      await (await subjectKeys()).insert({ organisation: organisation ?? 0, subject }, epoch.epoch, wrapped);
      return;
    }
    const key = { epoch: epoch.epoch, organisationId: organisation, wrapped, now: clock.date() };
    await (organisation === null
      ? transactions.unowned('data_key', (tx) => insertDataKey(tx, key))
      : transactions.unaudited(organisation, 'data_key', (tx) => insertDataKey(tx, key)));
  }

  async function dataKey(epoch: KeyEpoch, owner: KeyOwner, mayMake: boolean): Promise<Buffer> {
    const name = cacheName(epoch.epoch, owner);
    const known = cache.get(name);
    if (known !== undefined) return known;
    const { key: epochKey } = epoch;
    if (epochKey === undefined) throw noKey();
    let wrapped = await findWrapped(epoch.epoch, owner);
    if (wrapped === undefined && mayMake) {
      await make({ ...epoch, key: epochKey }, owner);
      wrapped = await findWrapped(epoch.epoch, owner);
    }
    if (wrapped === undefined) throw noKey();
    const key = unwrapped(epochKey, owner, wrapped);
    cache.set(name, key, clock.now() + (owner.subject === null ? OWNED_KEY_MS : SUBJECT_KEY_MS));
    return key;
  }

  /** The epoch a value names, and the key that opens it; undefined for what was sealed before there were data keys. */
  async function openerOf(sealed: Uint8Array, place: Place, subject: string | undefined): Promise<Buffer | undefined> {
    const { version, epoch: number } = readSealHeader(sealed);
    const epoch = await epochs.find(number);
    if (epoch === undefined)
      throw new SealError('unknown-epoch', `a sealed value names key epoch ${number}, which does not exist`);
    if (epoch.status === 'retired')
      throw new SealError('retired-epoch', `a sealed value is of key epoch ${number}, which is retired`);
    // What epoch 1 sealed is of no subject: it could not have been erased with one.
    if (version === 1 && subject === undefined) return undefined;
    return dataKey(epoch, ownerOf(place, subject), false);
  }

  async function indexOf(
    index: BlindIndex,
    organisation: number | null,
    epoch: KeyEpoch,
    text: string,
    mayMake: boolean,
  ) {
    const owner = { organisation: index.owner === 'instance' ? null : organisation, subject: null };
    const key = blindIndexKey(await dataKey(epoch, owner, mayMake), { ...index, organisation: owner.organisation });
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
      const key = await dataKey(epoch, ownerOf(place, subject), true);
      return sealValue(key, { version: 2, epoch: epoch.epoch }, plaintext, place);
    },

    async open(sealed, place, subject) {
      const key = await openerOf(sealed, place, subject);
      return key === undefined ? keyRing.open(sealed, place) : openValue(key, sealed, place);
    },

    async openAll(values) {
      const openers: ((sealed: Uint8Array, place: Place) => string)[] = [];
      let [asked, opener]: [string | undefined, Buffer | undefined] = [undefined, undefined];
      for (const { sealed, place, subject } of values) {
        try {
          const { version, epoch } = readSealHeader(sealed);
          // Most are of one owner and epoch: whose key it is need not be asked for each.
          const wanted = `${version} ${cacheName(epoch, ownerOf(place, subject))}`;
          if (wanted !== asked) [asked, opener] = [wanted, await openerOf(sealed, place, subject)];
          const key = opener;
          openers.push((one, where) =>
            key === undefined ? keyRing.open(one, where).toString() : texts.open(key, one, where),
          );
        } catch (error) {
          if (!(error instanceof SealError) || (subject !== undefined && error.problem === 'no-key')) throw error;
          openers.push(() => {
            throw error;
          });
        }
      }
      return values.map(({ sealed, place }, at) => {
        try {
          return openers[at]?.(sealed, place);
        } catch (error) {
          if (!(error instanceof SealError)) throw error;
          onDamaged?.(place, error.problem);
          return undefined;
        }
      });
    },

    async sealIndexed(text, place, index, { subject, indexed = text } = {}) {
      const epoch = await epochs.active();
      const key = await dataKey(epoch, ownerOf(place, subject), true);
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
      for (let epoch = 1; epoch <= newest; epoch += 1) cache.delete(cacheName(epoch, { organisation, subject }));
    },

    async isDestroyed(organisation, subject) {
      try {
        return await (await subjectKeys()).isDestroyed({ organisation, subject });
      } catch (error) {
        if (error instanceof KeyStoreError) return false;
        throw error;
      }
    },
  };
}

function ownerOf({ organisation }: Place, subject: string | undefined): KeyOwner {
  if (subject !== undefined && organisation === null)
    throw new SealError('bad-input', 'a subject belongs to an organisation');
  return { organisation, subject: subject ?? null };
}

function unwrapped(epochKey: Buffer, owner: KeyOwner, wrapped: Buffer): Buffer {
  try {
    return unwrapDataKey(epochKey, owner, wrapped);
  } catch (error) {
    // A key that is not what it should be is refused as the value is: nobody learns which of them was altered.
    if (error instanceof KeyWrapError)
      throw new SealError('refused', 'a sealed value was altered, moved to another place, or sealed with another key');
    throw error;
  }
}

const cacheName = (epoch: number, { organisation, subject }: KeyOwner): string =>
  `${epoch}/${organisation ?? ''}/${subject ?? ''}`;

const noKey = (missing?: KeyStoreError): SealError =>
  new SealError(
    'no-key',
    missing?.message ?? 'there is no key for a sealed value: its subject was erased, or the key store is another one',
  );
