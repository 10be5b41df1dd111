import { chmodSync, existsSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as delay } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { newId } from '../../lib/ids.ts';
import { ensureFolder } from '../crypto/private-file.ts';
import { isBusy, patiently } from './patiently.ts';
import type { SubjectKeyStore } from './subject-key-store.ts';

// One SQLite file. Every change is one transaction, durable when it returns (synchronous = extra with a rollback journal, which is deleted with the
// commit). secure_delete overwrites with zeros what is deleted, so a destroyed key is in the file no more; what a disk keeps of overwritten blocks
// and deleted journals is for the encryption of the disk to hide.

/** While another process has the file locked, which for a change is milliseconds. */
const PATIENCE_MS = 5_000;
/** Behind copies of our own, which take as long as all keys take to write. One that hangs, on a folder that is away, must not hold up everything. */
const BEHIND_COPIES_MS = 30_000;
/** So long SQLite itself waits, with the whole process; after that we do, and all else goes on. */
const STANDSTILL_MS = 5;
const copying = new URL('./copy-worker.ts', import.meta.url);
/** "VtKs": a file of another program is not taken for a key store. */
const APPLICATION_ID = 0x56_74_4b_73;

const SCHEMA = `
  create table store (id text not null) strict;
  create table subject_keys (
    organisation integer not null, subject text not null, epoch integer not null, wrapped_key blob not null check (length(wrapped_key) = 40),
    primary key (organisation, subject, epoch)
  ) strict, without rowid;
  create index subject_keys_epoch on subject_keys (epoch);
  create table destroyed_subjects (
    organisation integer not null, subject text not null, destroyed_at text not null, primary key (organisation, subject)
  ) strict, without rowid;
`;

/** The key store is not there, or the file is another thing. */
export class KeyStoreError extends Error {
  override readonly name = 'KeyStoreError';
}

/** Opens the key store of a file, or makes it where `mayCreate` says so. Throws a KeyStoreError. */
export function openSubjectKeyFile(file: string, { mayCreate }: { readonly mayCreate: boolean }): SubjectKeyStore {
  const isNew = !existsSync(file);
  if (isNew && !mayCreate)
    throw new KeyStoreError(
      `the key store ${file} is missing: restore it from its own backup (docs/key-store.md); without it nothing sealed for a person can be read`,
    );
  ensureFolder(dirname(file));
  const database = new DatabaseSync(file, { timeout: PATIENCE_MS });
  try {
    chmodSync(file, 0o600);
    database.exec('pragma secure_delete = on; pragma synchronous = extra; pragma journal_mode = delete');
    const id = prepared(database, file);
    // At the start nothing else is to go on; from here on it is.
    database.exec(`pragma busy_timeout = ${STANDSTILL_MS}`);
    return storeOn(database, id, file);
  } catch (error) {
    database.close();
    if (error instanceof KeyStoreError) throw error;
    throw new KeyStoreError(`${file} is not a key store or is damaged: restore it from its own backup`, {
      cause: error,
    });
  }
}

function copied(file: string, target: string): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const thread = new Worker(copying, {
    name: 'key-store-copy',
    workerData: { file, target, patienceMs: PATIENCE_MS },
  });
  thread.on('error', reject).on('exit', (code) => {
    if (code === 0) resolve();
    else reject(new Error('the thread that copies the key store ended'));
  });
  return promise;
}

/** Two that make it at once: the second finds it made. */
function prepared(database: DatabaseSync, file: string): string {
  database.exec('begin immediate');
  try {
    const application = database.prepare('pragma application_id').get()?.['application_id'];
    if (application === 0 && database.prepare('select count(*) as tables from sqlite_schema').get()?.['tables'] === 0) {
      database.exec(`${SCHEMA}; pragma application_id = ${APPLICATION_ID}`);
      database.prepare('insert into store (id) values (?)').run(newId());
    } else if (application !== APPLICATION_ID) {
      throw new KeyStoreError(`${file} is not a key store: move it away, or restore the key store from its own backup`);
    }
    const id = database.prepare('select id from store').get()?.['id'];
    database.exec('commit');
    if (typeof id !== 'string') throw new KeyStoreError(`${file} is damaged: restore it from its own backup`);
    return id;
  } catch (error) {
    if (database.isTransaction) database.exec('rollback');
    throw error;
  }
}

function storeOn(database: DatabaseSync, id: string, file: string): SubjectKeyStore {
  const find = database.prepare(
    'select wrapped_key from subject_keys where organisation = ? and subject = ? and epoch = ?',
  );
  const insert =
    database.prepare(`insert into subject_keys (organisation, subject, epoch, wrapped_key) select ?1, ?2, ?3, ?4
    where not exists (select 1 from destroyed_subjects where organisation = ?1 and subject = ?2) on conflict do nothing`);
  const mark = database.prepare(
    'insert into destroyed_subjects (organisation, subject, destroyed_at) values (?, ?, ?) on conflict do nothing',
  );
  const findMark = database.prepare('select 1 as one from destroyed_subjects where organisation = ? and subject = ?');
  const remove = database.prepare('delete from subject_keys where organisation = ? and subject = ?');

  async function whenFree<T>(work: () => T): Promise<T> {
    try {
      return await patiently(work, PATIENCE_MS);
    } catch (error) {
      if (!isBusy(error)) throw error;
      throw new KeyStoreError(`${file} is locked by another process, or by a copy of it that hangs`, { cause: error });
    }
  }

  let copies: Promise<unknown> = Promise.resolve();
  /** Behind copies of our own, which lock all changes out: however long they take, they are no store that stays locked. */
  async function change(work: () => unknown): Promise<void> {
    const enough = new AbortController();
    const isLong = delay(BEHIND_COPIES_MS, undefined, { signal: enough.signal }).catch(() => undefined);
    for (let seen: typeof copies | undefined; seen !== copies; await Promise.race([seen, isLong])) seen = copies;
    enough.abort();
    await whenFree(work);
  }

  return {
    id,
    async find({ organisation, subject }, epoch) {
      const wrapped = (await whenFree(() => find.get(organisation, subject, epoch)))?.['wrapped_key'];
      return wrapped instanceof Uint8Array ? Buffer.from(wrapped) : undefined;
    },
    async insert({ organisation, subject }, epoch, wrapped) {
      await change(() => insert.run(organisation, subject, epoch, wrapped));
    },
    async destroy({ organisation, subject }, now) {
      await change(() => {
        database.exec('begin immediate');
        try {
          mark.run(organisation, subject, now.toISOString());
          remove.run(organisation, subject);
          database.exec('commit');
        } catch (error) {
          if (database.isTransaction) database.exec('rollback');
          throw error;
        }
      });
    },
    async isDestroyed({ organisation, subject }) {
      return (await whenFree(() => findMark.get(organisation, subject))) !== undefined;
    },
    async listDestroyed() {
      const all = database.prepare('select organisation, subject, destroyed_at from destroyed_subjects');
      const rows = await whenFree(() => all.all());
      return rows.map((row) => ({
        organisation: Number(row['organisation']),
        subject: String(row['subject']),
        destroyedAt: new Date(String(row['destroyed_at'])),
      }));
    },
    async countByEpoch() {
      const counted = database.prepare('select epoch, count(*) as keys from subject_keys group by epoch');
      const rows = await whenFree(() => counted.all());
      return new Map(rows.map((row) => [Number(row['epoch']), Number(row['keys'])]));
    },
    async deleteEpoch(epoch) {
      const ofEpoch = database.prepare('delete from subject_keys where epoch = ?');
      await change(() => ofEpoch.run(epoch));
    },
    async backup(target) {
      const copy = copied(file, target);
      copies = Promise.allSettled([copies, copy]);
      await copy;
      chmodSync(target, 0o600);
    },
    close: () => database.close(),
  };
}
