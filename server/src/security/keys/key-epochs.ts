import type { Clock } from '../../lib/clock.ts';
import { Problem } from '../../lib/problem.ts';
import type { AuditActor } from '../audit/audit-event.ts';
import type { Transactions } from '../audit/transactions.types.ts';
import { KeyWrapError } from '../crypto/key-wrap.ts';
import type { RootKey } from '../crypto/root-key.ts';
import { newKey, unwrapEpochKey, wrapEpochKey } from '../crypto/wrapped-keys.ts';
import {
  activateKeyEpoch,
  type KeyEpochRow,
  listKeyEpochs,
  lockKeyEpochs,
  retireKeyEpoch,
} from './key-epoch.repository.ts';
import type { KeyStores } from './open-key-store.ts';
import { KeyStoreError } from './subject-key.repository.ts';

/** For so long a server goes on with the epochs it read. What another server does to them counts here no later. */
const FRESH_MS = 30_000;
/** What an epoch is named by, a stranger may write into a row: for unknown ones the database is asked this often at most. */
const ASK_EVERY_MS = 1_000;
/**
 * Until then a server may still seal under a replaced epoch: it goes on with what it read for 30 s, and its transaction ends within 15 s
 * (the limits of its role). The rest is for clocks that differ.
 */
export const LATE_WRITES_SECONDS = 120;
/** Epoch 1 is derived from the root key and needs no row to be opened; its row says whether it still may be. */
const FIRST_EPOCH = 2;

const system = { kind: 'system', id: 'key-epochs', label: null } as const;

/** The database was not made with this root key, or what it keeps of an epoch was altered. Fit to end the start of the server. */
export class KeyEpochError extends Error {
  override readonly name = 'KeyEpochError';
}

export interface KeyEpoch {
  readonly epoch: number;
  readonly status: KeyEpochRow['status'];
  /** Wraps data keys; undefined for epoch 1 and for a retired one, which have none. */
  readonly key: Buffer | undefined;
  readonly createdAt: Date;
  readonly replacedAt: Date | null;
  readonly retiredAt: Date | null;
}

export interface KeyEpochs {
  /** What is sealed now is sealed under this one. A new database has none, so the first to ask makes it. */
  active(): Promise<KeyEpoch & { readonly key: Buffer }>;
  /** Undefined: there is none of this number, here or in the database. */
  find(epoch: number): Promise<KeyEpoch | undefined>;
  /** Those known here, without a question to the database unless what was read is old. */
  known(): Promise<readonly KeyEpoch[]>;
  /** Those the database has now. */
  list(): Promise<readonly KeyEpoch[]>;
  /** Makes the next epoch; from the commit on everything is sealed under it. */
  advance(actor: AuditActor): Promise<KeyEpoch>;
  /**
   * Refuses what is sealed under an epoch from now on, for good. `isUsed` says whether anything still is. Throws a Problem `conflict` for the
   * active epoch, for one replaced less than two minutes ago, and for one that is in use.
   */
  retire(actor: AuditActor, epoch: number, isUsed: () => Promise<boolean>): Promise<void>;
}

/** The epochs as the database has them. Throws a KeyEpochError when the root key is another one, and has changed nothing then. */
export async function openKeyEpochs(deps: {
  readonly transactions: Transactions;
  readonly rootKey: RootKey;
  readonly keyStores: Pick<KeyStores, 'existing'>;
  readonly clock: Clock;
}): Promise<KeyEpochs> {
  const { transactions, rootKey, keyStores, clock } = deps;
  let epochs = new Map<number, KeyEpoch>();
  let readAt = Number.NEGATIVE_INFINITY;
  let reading: Promise<void> | undefined;

  function reload(): Promise<void> {
    reading ??= (async () => {
      // Before the question, so that the answer is never taken for fresher than it is.
      const asked = clock.now();
      const rows = await transactions.lookUp(listKeyEpochs);
      epochs = new Map(rows.map((row) => [row.epoch, opened(row)]));
      readAt = asked;
    })().finally(() => {
      reading = undefined;
    });
    return reading;
  }

  /** A reading that was under way may have begun before what was just committed. */
  async function readAgain(): Promise<void> {
    await reading?.catch(() => undefined);
    await reload();
  }

  function opened(row: KeyEpochRow): KeyEpoch {
    return {
      epoch: row.epoch,
      status: row.status,
      key: row.wrapped_key === null ? undefined : unwrapped(row.epoch, row.wrapped_key),
      createdAt: row.created_at,
      replacedAt: row.replaced_at,
      retiredAt: row.retired_at,
    };
  }

  function unwrapped(epoch: number, wrapped: Buffer): Buffer {
    try {
      return unwrapEpochKey(rootKey, epoch, wrapped);
    } catch (error) {
      if (!(error instanceof KeyWrapError)) throw error;
      throw new KeyEpochError(
        `key epoch ${epoch} of the database does not unwrap with this root key: restore the root key that belongs to this database, or the database that belongs to it`,
        { cause: error },
      );
    }
  }

  async function refresh(): Promise<void> {
    if (Math.abs(clock.now() - readAt) >= FRESH_MS) await reload();
  }

  /**
   * No number is given twice: a restore takes the database back and leaves the key store, whose keys of a later epoch would unwrap under another of that
   * number no more. A store that is missing does not keep an epoch from being made: should it come back with keys of the number, the next rotation
   * carries its people on.
   */
  async function newestInKeyStore(): Promise<number> {
    try {
      const counted = await (await keyStores.existing())?.countByEpoch();
      return Math.max(0, ...(counted?.keys() ?? []));
    } catch (error) {
      if (error instanceof KeyStoreError) return 0;
      throw error;
    }
  }

  async function advance(actor: AuditActor, onlyIfNone: boolean): Promise<void> {
    const inKeyStore = await newestInKeyStore();
    await transactions.system({ organisationId: null, actor, event: 'key_epoch.created' }, async (tx) => {
      await lockKeyEpochs(tx);
      const rows = await listKeyEpochs(tx);
      const isThere = rows.some(({ status }) => status === 'active');
      const epoch = Math.max(FIRST_EPOCH, inKeyStore + 1, ...rows.map((row) => row.epoch + 1));
      const isMade = !(onlyIfNone && isThere);
      if (isMade) await activateKeyEpoch(tx, epoch, wrapEpochKey(rootKey, epoch, newKey()), clock.date());
      tx.describe({
        resource: { kind: 'key_epoch', id: String(isMade ? epoch : Math.max(...rows.map((row) => row.epoch))) },
        details: { made: isMade },
      });
    });
    await readAgain();
  }

  const hasActive = (): boolean => [...epochs.values()].some(({ status }) => status === 'active');

  function activeHere(): KeyEpoch & { readonly key: Buffer } {
    const active = [...epochs.values()].find(({ status }) => status === 'active');
    if (active?.key === undefined) throw new Error('there is no active key epoch');
    return { ...active, key: active.key };
  }

  await reload();

  return {
    async active() {
      await refresh();
      if (!hasActive()) await advance(system, true);
      return activeHere();
    },

    async find(epoch) {
      await refresh();
      if (!epochs.has(epoch) && Math.abs(clock.now() - readAt) >= ASK_EVERY_MS) await reload();
      return epochs.get(epoch);
    },

    async known() {
      await refresh();
      return [...epochs.values()];
    },

    async list() {
      await readAgain();
      return [...epochs.values()];
    },

    async advance(actor) {
      await advance(actor, false);
      return activeHere();
    },

    async retire(actor, epoch, isUsed) {
      await transactions.system({ organisationId: null, actor, event: 'key_epoch.retired' }, async (tx) => {
        await lockKeyEpochs(tx);
        const row = (await listKeyEpochs(tx)).find((candidate) => candidate.epoch === epoch);
        if (row === undefined) throw conflict(`There is no key epoch ${epoch}.`);
        if (row.status === 'retired') throw conflict(`Key epoch ${epoch} is retired already.`);
        if (row.replaced_at === null) throw conflict(`Key epoch ${epoch} is the active one: rotate first.`);
        const wait = Math.ceil(LATE_WRITES_SECONDS - (clock.now() - row.replaced_at.getTime()) / 1_000);
        if (wait > 0) throw conflict(`A server may still seal under key epoch ${epoch}: wait ${wait} s.`);
        if (await isUsed())
          throw conflict(`Values are still sealed under key epoch ${epoch}: finish the rotation first.`);
        await retireKeyEpoch(tx, epoch, clock.date());
        tx.describe({ resource: { kind: 'key_epoch', id: String(epoch) } });
      });
      await readAgain();
    },
  };
}

const conflict = (detail: string): Problem => new Problem('conflict', { detail });
