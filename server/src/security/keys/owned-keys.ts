import { boundedCache } from '../../lib/bounded-cache.ts';
import type { Clock } from '../../lib/clock.ts';
import type { Transactions } from '../audit/transactions.types.ts';
import { KeyWrapError } from '../crypto/key-wrap.ts';
import { SealError } from '../crypto/sealed-value.ts';
import { type KeyOwner, newKey, unwrapDataKey, wrapDataKey } from '../crypto/wrapped-keys.ts';
import { findDataKey, insertDataKey } from './data-key.repository.ts';
import type { KeyEpoch } from './key-epochs.ts';
import { KeyStoreError } from './subject-key.repository.ts';
import type { SubjectKeyStore } from './subject-key-store.ts';

const MAX_CACHED_KEYS = 10_000;
const OWNED_KEY_MS = 3_600_000;
/** A key that was destroyed at another server is used here no longer than this. */
const SUBJECT_KEY_MS = 30_000;

/** Rejects with a KeyStoreError where it is missing. */
export type KeyStore = () => Promise<SubjectKeyStore>;

/** The key each owner has in each epoch: of a subject from the key store, of an organisation and of the instance from the database. */
export interface OwnedKeys {
  /**
   * `mayMake`: the first value of an owner makes it. `store`: in the place of the key store, for who asks for many. Throws a SealError: `no-key`, or
   * `refused` for one that was altered.
   */
  get(epoch: KeyEpoch, owner: KeyOwner, mayMake: boolean, store?: KeyStore): Promise<Buffer>;
  /** Of one that is destroyed. */
  forget(epoch: number, owner: KeyOwner): void;
}

export const ownedKeyName = (epoch: number, { organisation, subject }: KeyOwner): string =>
  `${epoch}/${organisation ?? ''}/${subject ?? ''}`;

export function createOwnedKeys(deps: {
  readonly transactions: Pick<Transactions, 'read' | 'unowned' | 'unaudited'>;
  readonly subjectKeys: KeyStore;
  readonly clock: Clock;
}): OwnedKeys {
  const { transactions, subjectKeys, clock } = deps;
  const cache = boundedCache<Buffer>(MAX_CACHED_KEYS, clock);

  /** Where the key store is missing, or stays locked, nobody's key is there, and all else goes on. */
  async function asked<T>(store: KeyStore, work: (there: SubjectKeyStore) => Promise<T>): Promise<T> {
    try {
      return await work(await store());
    } catch (error) {
      throw error instanceof KeyStoreError ? noKey(error) : error;
    }
  }

  async function findWrapped(
    epoch: number,
    { organisation, subject }: KeyOwner,
    store: KeyStore,
  ): Promise<Buffer | undefined> {
    if (subject !== null)
      return asked(store, (there) => there.find({ organisation: organisation ?? 0, subject }, epoch));
    return transactions.read(organisation, (reader) => findDataKey(reader, epoch, organisation));
  }

  /** Two that make it at once both go on with the one that was kept. */
  async function make(epoch: KeyEpoch & { readonly key: Buffer }, owner: KeyOwner): Promise<void> {
    const wrapped = wrapDataKey(epoch.key, owner, newKey());
    const { organisation, subject } = owner;
    if (subject !== null) {
      return asked(subjectKeys, (there) =>
        there.insert({ organisation: organisation ?? 0, subject }, epoch.epoch, wrapped),
      );
    }
    const key = { epoch: epoch.epoch, organisationId: organisation, wrapped, now: clock.date() };
    await (organisation === null
      ? transactions.unowned('data_key', (tx) => insertDataKey(tx, key))
      : transactions.unaudited(organisation, 'data_key', (tx) => insertDataKey(tx, key)));
  }

  async function get(epoch: KeyEpoch, owner: KeyOwner, mayMake: boolean, store = subjectKeys): Promise<Buffer> {
    const name = ownedKeyName(epoch.epoch, owner);
    const known = cache.get(name);
    if (known !== undefined) return known;
    const { key: epochKey } = epoch;
    if (epochKey === undefined) throw noKey();
    let wrapped = await findWrapped(epoch.epoch, owner, store);
    if (wrapped === undefined && mayMake) {
      await make({ ...epoch, key: epochKey }, owner);
      wrapped = await findWrapped(epoch.epoch, owner, store);
    }
    if (wrapped === undefined) throw noKey();
    const key = unwrapped(epochKey, owner, wrapped);
    cache.set(name, key, clock.now() + (owner.subject === null ? OWNED_KEY_MS : SUBJECT_KEY_MS));
    return key;
  }

  return { get, forget: (epoch, owner) => cache.delete(ownedKeyName(epoch, owner)) };
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

const noKey = (missing?: KeyStoreError): SealError =>
  new SealError(
    'no-key',
    missing?.message ?? 'there is no key for a sealed value: its subject was erased, or the key store is another one',
    { cause: missing },
  );
