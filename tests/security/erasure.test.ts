import { copyFileSync, mkdirSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
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
  return {
    dataKeys,
    keyStores,
    auditKey,
    erasures: createErasures({ transactions, dataKeys, keyStores, auditKey, clock: systemClock }),
  };
}

const ledger = async (id: string) =>
  (await app.database.admin.query('select * from erasures where subject_id = $1', [id])).rows;
const rowOf = async (id: string) =>
  (await app.database.admin.query('select * from subjects where id = $1', [id])).rows[0];

/** Registered, backed up (the row of the database, and the key store by itself), and erased. */
async function anErased() {
  const registered = await app.call('POST', '/api/v1/subjects', {
    token: operator.accessToken,
    body: { reference: `MRN-${Math.random()}`, name: 'Ines Example' },
  });
  const { id } = registered.json;
  const backup = await rowOf(id);
  const copy = mkdtempSync(join(tmpdir(), 'valtronics-erasure-'));
  mkdirSync(join(copy, 'keys'));
  copyFileSync(join(app.dataDir, 'keys', 'subjects.db'), join(copy, 'keys', 'subjects.db'));
  await app.freshProof(operator);
  const erased = await app.call('DELETE', `/api/v1/subjects/${id}`, { token: operator.accessToken });
  expect(erased.status).toBe(204);
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
  await app.database.admin.query('alter table erasures disable trigger user');
  await app.database.admin.query('delete from erasures where subject_id = $1', [id]);
  await app.database.admin.query('alter table erasures enable trigger user');
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
