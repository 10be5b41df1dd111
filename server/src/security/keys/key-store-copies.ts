import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../../lib/clock.ts';
import { Problem } from '../../lib/problem.ts';
import type { Job } from '../../platform/jobs/scheduler.ts';
import type { AuditActor } from '../audit/audit-event.ts';
import type { Transactions } from '../audit/transactions.types.ts';
import { movedIntoPlace } from '../crypto/private-file.ts';
import { listKeyStores } from './key-store.repository.ts';
import type { KeyStores } from './open-key-store.ts';
import { KeyStoreError } from './subject-key.repository.ts';

// Copies of the key store: what brings it back when it is lost, and what brings a destroyed key back. So they are made every day and thrown away after
// days, whole or not, also where the store itself is lost or was replaced since: a certificate of erasure promises that none from before is left. When one was
// made stands in its name and in nothing else, so that no clock of a file system and no table that was restored can keep it alive.

const DAY_MS = 86_400_000;
const EVERY_MS = DAY_MS - 600_000;
const COPY = /^valtronics-keys-([0-9a-f-]{36})-(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z\.db(\.part)?(-journal)?$/;
const system = { kind: 'system', id: 'key-store-copies', label: null } as const;

export interface KeyStoreCopy {
  readonly name: string;
  readonly at: Date;
  /** Not one that was interrupted. */
  readonly isWhole: boolean;
}

export interface MadeCopy {
  readonly name: string;
  readonly place: string;
  readonly keys: number;
  readonly thrownAwayAt: Date;
  /** Older ones whose time was over. */
  readonly deleted: readonly string[];
}

export interface KeyStoreCopies {
  readonly folder: string | undefined;
  readonly days: number;
  /** Of the stores this database has and had, newest first. */
  list(): Promise<KeyStoreCopy[]>;
  /** Throws a Problem `conflict`. */
  make(actor: AuditActor): Promise<MadeCopy>;
  /** Throws away those whose time is over, and makes one a day. */
  readonly job: Job;
}

export function createKeyStoreCopies(deps: {
  readonly transactions: Pick<Transactions, 'readAcross' | 'system'>;
  readonly keyStores: Pick<KeyStores, 'existing'>;
  readonly settings: { readonly folder: string | undefined; readonly days: number };
  readonly clock: Clock;
}): KeyStoreCopies {
  const { transactions, keyStores, settings, clock } = deps;
  const { folder, days } = settings;

  async function list(): Promise<KeyStoreCopy[]> {
    if (folder === undefined) return [];
    const ours = new Set(await transactions.readAcross(listKeyStores));
    const copies = (await readdir(folder)).flatMap((name) => {
      const [, store = '', year, month, day, hour, minute, second, part, journal] = COPY.exec(name) ?? [];
      const at = new Date(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
      if (!ours.has(store) || Number.isNaN(at.getTime())) return [];
      return [{ name, at, isWhole: part === undefined && journal === undefined }];
    });
    return copies.sort((a, b) => b.at.getTime() - a.at.getTime());
  }

  async function expire(actor: AuditActor): Promise<string[]> {
    const over = (await list()).filter(({ at }) => at.getTime() + days * DAY_MS <= clock.now());
    if (folder === undefined || over.length === 0) return [];
    for (const { name } of over) await rm(join(folder, name), { force: true });
    const names = over.map(({ name }) => name);
    await transactions.system({ organisationId: null, actor, event: 'key_store.copy_deleted' }, async (tx) =>
      tx.describe({ resource: null, details: { names, after: days } }),
    );
    return names;
  }

  async function make(actor: AuditActor): Promise<MadeCopy> {
    if (folder === undefined)
      throw conflict('There is no folder for copies of the key store: set VALTRONICS_KEY_STORE_COPY_FOLDER.');
    // Not made where it is missing: what should be another storage may only not be mounted.
    const deleted = await expire(actor).catch((error: NodeJS.ErrnoException) => {
      throw error.code === 'ENOENT' ? conflict(`${folder} is not there: is its storage mounted?`) : error;
    });
    const store = await keyStores.existing().catch((error: unknown) => {
      throw error instanceof KeyStoreError ? conflict(error.message) : error;
    });
    if (store === undefined) throw conflict('There is no key store yet: nothing is sealed for a person.');
    const at = clock.date();
    const name = `valtronics-keys-${store.id}-${at.toISOString().replace(/[-:]|\.\d+/g, '')}.db`;
    const partial = join(folder, `${name}.part`);
    await rm(partial, { force: true });
    await store.backup(partial);
    const keys = [...(await store.countByEpoch()).values()].reduce((sum, some) => sum + some, 0);
    const thrownAwayAt = new Date(at.getTime() + days * DAY_MS);
    // Recorded first: no copy is there that the log does not know.
    await transactions.system({ organisationId: null, actor, event: 'key_store.copied' }, async (tx) =>
      tx.describe({
        resource: { kind: 'key_store', id: store.id },
        details: { name, place: folder, keys, thrownAwayAt: thrownAwayAt.toISOString() },
      }),
    );
    movedIntoPlace(partial, join(folder, name));
    return { name, place: folder, keys, thrownAwayAt, deleted };
  }

  return {
    folder,
    days,
    list,
    make,
    job: {
      name: 'key-store-copies',
      everySeconds: 600,
      async run() {
        if (folder === undefined) return;
        await expire(system);
        const [newest] = (await list()).filter(({ isWhole }) => isWhole);
        if (newest !== undefined && clock.now() - newest.at.getTime() < EVERY_MS) return;
        // Nobody is measured yet.
        if ((await transactions.readAcross(listKeyStores)).length > 0) await make(system);
      },
    },
  };
}

const conflict = (detail: string): Problem => new Problem('conflict', { detail });
