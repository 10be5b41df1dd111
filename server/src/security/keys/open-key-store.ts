import { existsSync, statSync } from 'node:fs';
import type { Clock } from '../../lib/clock.ts';
import type { AuditActor } from '../audit/audit-event.ts';
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
  /** Who is on record for a store that is made. */
  readonly actor?: AuditActor;
}): Promise<SubjectKeyStore> {
  const { transactions, file, clock, replaceLost = false, actor = system } = deps;
  const expected = await transactions.readAcross(findKeyStore);
  const store = openSubjectKeyFile(file, { mayCreate: expected === undefined || replaceLost });
  if (store.id === expected) return store;
  if (expected !== undefined && !replaceLost) {
    store.close();
    throw new KeyStoreError(
      `${file} is the key store of another database: restore the one that belongs to this database from its own backup (docs/key-store.md)`,
    );
  }
  const who = { organisationId: null, actor, event: 'key_store.created' } as const;
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
  /** The store that is missing, and where it should be. Throws a KeyStoreError where none is. */
  lost(): Promise<{ readonly store: string; readonly file: string }>;
  /**
   * Makes another in place of the one that is lost, whose id says that it is meant: what was sealed for subjects stays unreadable for good. Never over a file:
   * a damaged store may be repaired, and another database's is another's. Returns the id of the new one. Throws a KeyStoreError.
   */
  acceptLoss(actor: AuditActor, store: string): Promise<string>;
  close(): Promise<void>;
}

export function keyStoresOf(deps: Omit<Parameters<typeof openKeyStore>[0], 'replaceLost' | 'actor'>): KeyStores {
  const { file, transactions } = deps;
  let opening: Promise<SubjectKeyStore> | undefined;
  let openedFile: string | undefined;
  /** Whoever has one in hand may still use it. */
  const replaced: Promise<SubjectKeyStore>[] = [];

  /** Which file it is: one that was put in its place, or taken away, must not be missed by who still has the one before open. */
  function nameOfFile(): string | undefined {
    const status = statSync(file, { throwIfNoEntry: false });
    return status && `${status.dev}/${status.ino}`;
  }

  function opened(store: Promise<SubjectKeyStore>): Promise<SubjectKeyStore> {
    opening = store.then(
      (made) => {
        openedFile = nameOfFile();
        return made;
      },
      (error: unknown) => {
        // It may be brought back while we run.
        opening = undefined;
        throw error;
      },
    );
    return opening;
  }

  function ours(): Promise<SubjectKeyStore> {
    if (opening !== undefined && openedFile !== undefined && nameOfFile() !== openedFile) {
      replaced.push(opening);
      [opening, openedFile] = [undefined, undefined];
    }
    return opening ?? opened(openKeyStore(deps));
  }

  async function lost() {
    const store = await transactions.readAcross(findKeyStore);
    if (store === undefined) throw new KeyStoreError('this database has no key store yet, so none is lost');
    if (existsSync(file))
      throw new KeyStoreError(
        `${file} is there, so it is not lost: if it is damaged or another one, look for a copy, and move it away where there is none`,
      );
    return { store, file };
  }

  return {
    ours,
    async existing() {
      const isThere = existsSync(file) || (await transactions.readAcross(findKeyStore)) !== undefined;
      return isThere ? ours() : undefined;
    },
    lost,
    async acceptLoss(actor, store) {
      if ((await lost()).store !== store) throw new KeyStoreError('another store is lost than the one that was named');
      if (opening !== undefined) replaced.push(opening);
      openedFile = undefined;
      return (await opened(openKeyStore({ ...deps, replaceLost: true, actor }))).id;
    },
    async close() {
      for (const one of [...replaced, opening]) (await one?.catch(() => undefined))?.close();
    },
  };
}
