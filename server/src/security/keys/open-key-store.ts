import { existsSync } from 'node:fs';
import type { Clock } from '../../lib/clock.ts';
import type { Transactions } from '../audit/transactions.types.ts';
import { findKeyStore, insertKeyStore } from './key-store.repository.ts';
import { KeyStoreError, openSubjectKeyFile } from './subject-key.repository.ts';
import type { SubjectKeyStore } from './subject-key-store.ts';

const system = { kind: 'system', id: 'key-store', label: null } as const;

/**
 * The key store that belongs to the database. The very first start makes it; after that a missing one is missed, since an empty one in its place would
 * look healthy while nobody's values open. `replaceLost` accepts the loss: what was sealed for subjects stays unreadable for good.
 * Throws a KeyStoreError.
 */
export async function openKeyStore(deps: {
  readonly transactions: Transactions;
  readonly file: string;
  readonly clock: Clock;
  readonly replaceLost?: boolean;
}): Promise<SubjectKeyStore> {
  const { transactions, file, clock, replaceLost = false } = deps;
  const expected = await transactions.readAcross(findKeyStore);
  const store = openSubjectKeyFile(file, { mayCreate: expected === undefined || replaceLost });
  if (store.id === expected) return store;
  if (expected !== undefined && !replaceLost) {
    store.close();
    throw new KeyStoreError(
      `${file} is the key store of another database: restore the one that belongs to this database from its own backup (docs/key-store.md)`,
    );
  }
  const who = { organisationId: null, actor: system, event: 'key_store.created' } as const;
  await transactions.system(who, async (tx) => {
    await insertKeyStore(tx, store.id, clock.date());
    tx.describe({ resource: { kind: 'key_store', id: store.id }, details: { replaces: expected ?? null } });
  });
  // Two first starts at once may each have made one; only with the one that was recorded anything may be sealed.
  if ((await transactions.readAcross(findKeyStore)) === store.id) return store;
  store.close();
  throw new KeyStoreError(
    `another server made the key store of this database: only one server can have ${file}, see docs/key-store.md`,
  );
}

/** The key store when it is needed: as long as nothing is sealed for a subject, none is made and none is missed. */
export interface KeyStores {
  ours(): Promise<SubjectKeyStore>;
  /**
   * Ours, or undefined where there is none yet. One whose file is there is ours also where the database knows of none, as one that was restored from before
   * it does: who was erased since stands there alone.
   */
  existing(): Promise<SubjectKeyStore | undefined>;
  close(): Promise<void>;
}

export function keyStoresOf(deps: Parameters<typeof openKeyStore>[0]): KeyStores {
  let opening: Promise<SubjectKeyStore> | undefined;
  function ours(): Promise<SubjectKeyStore> {
    opening ??= openKeyStore(deps).catch((error: unknown) => {
      // It may be brought back while we run.
      opening = undefined;
      throw error;
    });
    return opening;
  }
  return {
    ours,
    async existing() {
      const isThere = existsSync(deps.file) || (await deps.transactions.readAcross(findKeyStore)) !== undefined;
      return isThere ? ours() : undefined;
    },
    async close() {
      (await opening?.catch(() => undefined))?.close();
    },
  };
}
