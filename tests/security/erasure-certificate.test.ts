import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { newId } from '../../server/src/lib/ids.ts';
import { verifierText } from '../../server/src/lib/transparency/signed-note.ts';
import { loadAuditKey } from '../../server/src/security/audit/audit-key.ts';
import { createTransactions } from '../../server/src/security/audit/transactions.ts';
import { anApp, type Person, type TestApp } from '../support/app.ts';
import { dataKeysOf } from '../support/data-keys.ts';
import { expectProblem } from '../support/expect-problem.ts';

let app: TestApp;
let operator: Person;
beforeAll(async () => {
  app = await anApp();
  operator = await app.aPerson('operator');
});
afterAll(() => app?.stop());

const get = (path: string, person = operator) =>
  app.call('GET', `/api/v1/subjects${path}`, { token: person.accessToken });

async function anErased(person = operator): Promise<string> {
  const as = { token: person.accessToken };
  const { id } = (await app.call('POST', '/api/v1/subjects', { ...as, body: { reference: newId() } })).json;
  await app.freshProof(person);
  expect((await app.call('DELETE', `/api/v1/subjects/${id}`, as)).status).toBe(204);
  return id;
}

async function keyOfLog(): Promise<string> {
  const { inner, maintenance } = app.database;
  const transactions = createTransactions({ server: inner, maintenance });
  const dataKeys = await dataKeysOf(app);
  return verifierText((await loadAuditKey({ transactions, dataKeys, host: 'certificate.test' })).verifier);
}

/** What the documentation gives a stranger. */
function verified(certificate: string, key: string) {
  const docs = readFileSync(join(import.meta.dirname, '../../docs/key-store.md'), 'utf8');
  const [, code = ''] = /```js\n([^`]+(?:`[^`]+`[^`]+)*?)```/.exec(docs) ?? [];
  const folder = mkdtempSync(join(tmpdir(), 'valtronics-certificate-'));
  writeFileSync(join(folder, 'verify-erasure.mjs'), code);
  writeFileSync(join(folder, 'certificate'), certificate);
  const { status, stdout } = spawnSync(process.execPath, ['verify-erasure.mjs', 'certificate', key], {
    cwd: folder,
    encoding: 'utf8',
  });
  return { status, said: stdout.trim() };
}

it('a certificate is had of whoever was erased, and a stranger verifies it as the documentation says', async () => {
  const id = await anErased();
  const { status, json } = await get(`/${id}/erasure`);
  expect(status).toBe(200);
  expect(json).toEqual({
    subjectId: id,
    erasedAt: expect.any(String),
    unreadableFrom: new Date(Date.parse(json.erasedAt) + 7 * 86_400_000).toISOString(),
    certificate: expect.stringContaining(id),
  });
  const key = await keyOfLog();
  const { subjectId: subject, erasedAt, unreadableFrom, certificate } = json;
  const good = verified(certificate, key);
  expect(good.status).toBe(0);
  expect(JSON.parse(good.said.replace('good: ', ''))).toEqual({ subject, erasedAt, unreadableFrom });
  for (const altered of [
    certificate.replace(id, newId()),
    certificate.replace(unreadableFrom, erasedAt),
    certificate.replace('valtronics-erasure/1', 'valtronics-erasure/2'),
  ])
    expect(verified(altered, key)).toEqual({ status: 1, said: 'NOT GOOD' });
});

it('they are listed latest first and page by page, of one organisation alone', async () => {
  const stranger = await app.aPerson('operator', await app.anotherOrganisation());
  const [first, second] = [await anErased(), await anErased()];
  const theirs = await anErased(stranger);
  const page = (await get('/erasures?limit=1')).json;
  expect(page.items).toMatchObject([{ subjectId: second }]);
  expect((await get(`/erasures?limit=1&cursor=${page.nextCursor}`)).json.items).toMatchObject([{ subjectId: first }]);
  expect((await get('/erasures', stranger)).json.items).toMatchObject([{ subjectId: theirs }]);
  expectProblem(await get(`/${theirs}/erasure`), 404, 'not_found');
  expectProblem(await get(`/${newId()}/erasure`), 404, 'not_found');
  const analyst = await app.aPerson('analyst');
  for (const path of ['/erasures', `/${first}/erasure`]) expectProblem(await get(path, analyst), 403, 'forbidden');
});
