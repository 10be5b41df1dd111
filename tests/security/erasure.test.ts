import { randomUUID } from 'node:crypto';
import { copyFileSync, mkdirSync, mkdtempSync, renameSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { systemClock } from '../../server/src/lib/clock.ts';
import { isSignedBy, parseNote } from '../../server/src/lib/transparency/signed-note.ts';
import { loadAuditKey } from '../../server/src/security/audit/audit-key.ts';
import { createTransactions } from '../../server/src/security/audit/transactions.ts';
import { createKeyRing } from '../../server/src/security/crypto/key-ring.ts';
import { createErasures, KEY_STORE_COPY_DAYS } from '../../server/src/security/erasures/erasures.ts';
import { openDataKeys } from '../../server/src/security/keys/open-data-keys.ts';
import { anApp, type Person, type TestApp } from '../support/app.ts';
import { rootKeyOf } from '../support/data-keys.ts';
import { expectProblem } from '../support/expect-problem.ts';

const quiet = { error() {} };

let app: TestApp;
let operator: Person;
beforeAll(async () => {
  app = await anApp();
  operator = await app.aPerson('operator');
});
afterAll(() => app?.stop());

/** The keys of the installation, with the key store of that folder. */
async function keysWith(dataDir: string) {
  const { inner, maintenance } = app.database;
  const transactions = createTransactions({ server: inner, maintenance });
  const rootKey = rootKeyOf(app);
  const open = await openDataKeys({
    transactions,
    rootKey,
    keyRing: createKeyRing(rootKey),
    dataDir,
    clock: systemClock,
  });
  const { dataKeys, keyStores } = open;
  const auditKey = () => loadAuditKey({ transactions, dataKeys, host: 'erasure.test' });
  const deps = { transactions, dataKeys, keyStores, auditKey, clock: systemClock, log: quiet };
  return { ...deps, deps, erasures: createErasures(deps) };
}

const ledger = async (id: string) =>
  (await app.database.admin.query('select * from erasures where subject_id = $1', [id])).rows;
const rowOf = async (id: string) =>
  (await app.database.admin.query('select * from subjects where id = $1', [id])).rows[0];

async function aRegistered() {
  const registered = await app.call('POST', '/api/v1/subjects', {
    token: operator.accessToken,
    body: { reference: `MRN-${Math.random()}`, name: 'Ines Example' },
  });
  return registered.json.id as string;
}

async function erase(id: string) {
  await app.freshProof(operator);
  return app.call('DELETE', `/api/v1/subjects/${id}`, { token: operator.accessToken });
}

const storeIn = (dataDir: string) => join(dataDir, 'keys', 'subjects.db');

/** A folder with a copy of the key store, as it is now. */
function aCopy(): string {
  const copy = mkdtempSync(join(tmpdir(), 'valtronics-erasure-'));
  mkdirSync(join(copy, 'keys'));
  copyFileSync(storeIn(app.dataDir), storeIn(copy));
  return copy;
}

/** The ledger as it was before. */
async function forget(ids: readonly string[]) {
  await app.database.admin.query('alter table erasures disable trigger user');
  await app.database.admin.query('delete from erasures where subject_id = any ($1)', [ids]);
  await app.database.admin.query('alter table erasures enable trigger user');
}

/** Registered, backed up (the row of the database, and the key store by itself), and erased. */
async function anErased() {
  const id = await aRegistered();
  const backup = await rowOf(id);
  const copy = aCopy();
  expect((await erase(id)).status).toBe(204);
  const place = { organisation: app.organisationId, table: 'subjects', column: 'name_sealed', row: id };
  /** The database from before, as far as this person goes. */
  const restoreRow = () =>
    app.database.admin.query(`insert into subjects select (json_populate_record(null::subjects, $1)).*`, [
      JSON.stringify({ ...backup, ...hexOf(backup) }),
    ]);
  return { id, copy, place, sealed: backup.name_sealed as Buffer, restoreRow };
}

const hexOf = (row: Record<string, unknown>) =>
  Object.fromEntries(
    Object.entries(row).flatMap(([name, value]) =>
      Buffer.isBuffer(value) ? [[name, `\\x${value.toString('hex')}`]] : [],
    ),
  );

it('who is erased is in the ledger, with a certificate that is signed and says from when no backup can be read', async () => {
  const { id } = await anErased();
  expect(await rowOf(id)).toBeUndefined();
  const [entry] = await ledger(id);
  expect(entry).toMatchObject({ organisation_id: app.organisationId, erased_by: operator.userId });
  expect(entry.unreadable_from - entry.erased_at).toBe(KEY_STORE_COPY_DAYS * 86_400_000);
  const note = parseNote(entry.certificate);
  expect(isSignedBy(note, (await (await keysWith(app.dataDir)).auditKey()).verifier)).toBe(true);
  expect(JSON.parse(note.text.split('\n')[1] ?? '')).toEqual({
    subject: id,
    erasedAt: entry.erased_at.toISOString(),
    unreadableFrom: entry.unreadable_from.toISOString(),
  });
  await expect(app.database.admin.query('update erasures set erased_by = null')).rejects.toThrow('append-only');
  await expect(app.database.admin.query('delete from erasures')).rejects.toThrow('append-only');
});

it('a backup of the data alone stays unreadable; a copy of the key store from before opens it, as the certificate says, until it is gone', async () => {
  const { id, copy, place, sealed, restoreRow } = await anErased();
  await restoreRow();
  const now = await keysWith(app.dataDir);
  await expect(now.dataKeys.open(sealed, place, id)).rejects.toMatchObject({ problem: 'no-key' });
  const shown = await app.call('GET', `/api/v1/subjects/${id}`, { token: operator.accessToken });
  expect(shown.json).toMatchObject({ reference: 'erased', name: null });
  const before = await keysWith(copy);
  expect((await before.dataKeys.open(sealed, place, id)).toString()).toBe('Ines Example');
  // Nothing can be sealed for them again either: the key is not made anew.
  await expect(now.dataKeys.seal('again', place, id)).rejects.toMatchObject({ problem: 'no-key' });
  await now.keyStores.close();
  await before.keyStores.close();
});

it('a database from before the erasure is brought up to it by the key store: the rows go again and the ledger is completed', async () => {
  const { id, restoreRow } = await anErased();
  await restoreRow();
  await forget([id]);
  const keys = await keysWith(app.dataDir);
  expect(await keys.erasures.replay()).toBe(1);
  expect(await rowOf(id)).toBeUndefined();
  expect(await ledger(id)).toMatchObject([{ erased_by: null, organisation_id: app.organisationId }]);
  expect(await keys.erasures.replay()).toBe(0);
  await keys.keyStores.close();
});

it('a copy of the key store from before the erasure is brought up to it by the ledger: the key is destroyed again', async () => {
  const { id, copy, place, sealed } = await anErased();
  const keys = await keysWith(copy);
  expect((await keys.dataKeys.open(sealed, place, id)).toString()).toBe('Ines Example');
  expect(await keys.erasures.replay()).toBeGreaterThan(0);
  await expect(keys.dataKeys.open(sealed, place, id)).rejects.toMatchObject({ problem: 'no-key' });
  await keys.keyStores.close();
});

it('a database from before there was a key store is brought up to date as well: its file is there', async () => {
  const { id, restoreRow } = await anErased();
  await restoreRow();
  await forget([id]);
  await app.database.admin.query('delete from key_stores');
  const keys = await keysWith(app.dataDir);
  expect(await keys.erasures.replay()).toBe(1);
  expect(await rowOf(id)).toBeUndefined();
  expect((await app.database.admin.query('select from key_stores where replaced_at is null')).rowCount).toBe(1);
  await keys.keyStores.close();
});

it('a key that could not be destroyed is told, and destroyed by the running server or when they are deleted again', async () => {
  const ids = [await aRegistered(), await aRegistered()] as const;
  const sealed = (await rowOf(ids[0])).name_sealed;
  const busy = new DatabaseSync(storeIn(app.dataDir));
  busy.exec('begin immediate');
  for (const id of ids) {
    expectProblem(await erase(id), 503, 'unavailable');
    expect(await rowOf(id)).toBeUndefined();
    expect(await ledger(id)).toHaveLength(1);
  }
  busy.exec('rollback');
  busy.close();
  const keys = await keysWith(app.dataDir);
  const place = { organisation: app.organisationId, table: 'subjects', column: 'name_sealed', row: ids[0] };
  expect((await keys.dataKeys.open(sealed, place, ids[0])).toString()).toBe('Ines Example');
  const isDestroyed = (id: string) => keys.dataKeys.isDestroyed(app.organisationId, id);

  expect((await erase(ids[1])).status).toBe(204);
  expect([await isDestroyed(ids[0]), await isDestroyed(ids[1])]).toEqual([false, true]);
  await keys.erasures.job.run(AbortSignal.timeout(10_000));
  expect(await isDestroyed(ids[0])).toBe(true);
  await expect(keys.dataKeys.open(sealed, place, ids[0])).rejects.toMatchObject({ problem: 'no-key' });
  // Once more does no harm, and nobody who was never here is told to be erased.
  expect((await erase(ids[0])).status).toBe(204);
  expect(await ledger(ids[0])).toHaveLength(1);
  expectProblem(await erase(randomUUID()), 404, 'not_found');
  await keys.keyStores.close();
});

it('one that cannot be brought up to date keeps no other from it, and one of an organisation that is not here is left alone', async () => {
  const [first, second] = [await anErased(), await anErased()].sort((a, b) => (a.id < b.id ? -1 : 1));
  if (!first || !second) throw new Error('two were erased');
  // Both are still there in this copy, for the ledger to destroy.
  const older = await keysWith(first.copy);
  const failing = createErasures({
    ...older.deps,
    dataKeys: {
      destroySubject: (organisation, subject) =>
        subject === first.id
          ? Promise.reject(new Error('the disk is full'))
          : older.dataKeys.destroySubject(organisation, subject),
    },
  });
  await failing.replay();
  expect(await older.dataKeys.isDestroyed(app.organisationId, first.id)).toBe(false);
  expect(await older.dataKeys.isDestroyed(app.organisationId, second.id)).toBe(true);
  await older.keyStores.close();

  const newer = await keysWith(aCopy());
  const stranger = randomUUID();
  await newer.dataKeys.destroySubject(app.organisationId, 'no id of ours');
  await newer.dataKeys.destroySubject(app.organisationId + 1_000_000, stranger);
  await second.restoreRow();
  await forget([second.id]);
  expect(await newer.erasures.replay()).toBe(1);
  expect(await rowOf(second.id)).toBeUndefined();
  const told = await app.database.admin.query(
    `select from audit_events where event = 'subject.deleted' and resource_id = $1`,
    [stranger],
  );
  expect([told.rowCount, await ledger(stranger)]).toEqual([0, []]);
  await newer.keyStores.close();
});

it('whoever stands in clear in a restored database keeps no server from starting: not with the key store missing, and not who was erased', async () => {
  const { id } = await anErased();
  const [third, other] = [await aRegistered(), randomUUID()];
  const inClear = async () =>
    (await app.database.admin.query('select id from subjects where reference is not null order by reference')).rows.map(
      (row) => row.id,
    );
  // As a backup of an older release has them.
  await app.database.admin.query(
    `insert into subjects (id, organisation_id, reference, name, created_at) values ($1, $3, 'Clear 1', 'Ann', now()), ($2, $3, 'Clear 2', null, now())`,
    [id, other, app.organisationId],
  );
  await forget([id]);
  const store = storeIn(app.dataDir);
  renameSync(store, `${store}.away`);
  const without = await anApp({ beside: app, onLogLine: () => undefined });
  const list = await without.call('GET', '/api/v1/subjects?limit=100', { token: operator.accessToken });
  expect(list.status).toBe(200);
  expect(list.json.items).toContainEqual(expect.objectContaining({ id: other, reference: 'key missing', name: null }));
  const registered = await without.call('POST', '/api/v1/subjects', {
    token: operator.accessToken,
    body: { reference: `MRN-${Math.random()}` },
  });
  expectProblem(registered, 503, 'unavailable');
  // Nor does it keep anybody from being removed; their key is destroyed once it is back.
  await app.freshProof(operator);
  const removed = await without.call('DELETE', `/api/v1/subjects/${third}`, { token: operator.accessToken });
  expectProblem(removed, 503, 'unavailable');
  expect([await rowOf(third), (await ledger(third)).length]).toEqual([undefined, 1]);
  await without.stop();
  expect(await inClear()).toEqual([id, other]);

  renameSync(`${store}.away`, store);
  const told: string[] = [];
  const again = await anApp({ beside: app, onLogLine: (line) => void told.push(line) });
  // Removed before anything was to be sealed for them: the other way round they would be told as left in clear.
  expect(told.filter((line) => line.includes('left in clear'))).toEqual([]);
  expect(told.some((line) => line.includes('is sealed'))).toBe(true);
  expect([await rowOf(id), await inClear()]).toEqual([undefined, []]);
  expect(await ledger(id)).toHaveLength(1);
  const found = await again.call('GET', `/api/v1/subjects/${other}`, { token: operator.accessToken });
  expect(found.json).toMatchObject({ reference: 'Clear 2', name: null });
  const keys = await keysWith(app.dataDir);
  expect(await keys.dataKeys.isDestroyed(app.organisationId, third)).toBe(true);
  await keys.keyStores.close();
  await again.stop();
});
