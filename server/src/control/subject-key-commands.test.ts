import { mkdtempSync, readdirSync, renameSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { anApp, type Person, type TestApp } from '../../../tests/support/app.ts';
import { dataKeysOf } from '../../../tests/support/data-keys.ts';
import { manualClock } from '../lib/clock.ts';
import { newId } from '../lib/ids.ts';
import { runHostCommand } from './host-commands.ts';

const clock = manualClock(Date.now());
let app: TestApp;
let admin: Person;
let folder: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'valtronics-copies-'));
  app = await anApp({ clock, env: { VALTRONICS_KEY_STORE_COPY_FOLDER: folder } });
  admin = await app.aPerson('admin');
});
afterAll(() => app?.stop());

const command = (name: 'backup' | 'destroy' | 'lost' | 'accept-loss', input: object = {}) =>
  runHostCommand(app.app.hostCommands, `keys.subjects.${name}`, 0, input);
const shown = async (id: string) => app.call('GET', `/api/v1/subjects/${id}`, { token: admin.accessToken });
async function aSubject(as = admin): Promise<string> {
  const body = { reference: `MRN-${newId()}`, name: 'Ines Example' };
  return (await app.call('POST', '/api/v1/subjects', { token: as.accessToken, body })).json.id;
}

it('a copy is made of what is there', async () => {
  await aSubject();
  expect(await command('backup')).toMatchObject({ place: folder, keys: 1, deleted: [] });
  expect(readdirSync(folder)).toHaveLength(1);
});

it('somebody of whatever organisation is erased, with a certificate and who did it; again is no fault, nobody is', async () => {
  const other = await app.anotherOrganisation();
  const id = await aSubject(await app.aPerson('admin', other));
  expect(await command('destroy', { subject: id })).toEqual({ subject: id, again: false });
  const { rows } = await app.database.admin.query('select * from erasures where subject_id = $1', [id]);
  expect(rows).toMatchObject([{ organisation_id: other, erased_by: null, certificate: expect.stringContaining(id) }]);
  const events = await app.database.admin.query(
    `select organisation_id, actor_kind, actor_id from audit_events where event = 'subject.deleted' and resource_id = $1`,
    [id],
  );
  expect(events.rows).toEqual([{ organisation_id: other, actor_kind: 'cli', actor_id: 'cli:0' }]);
  expect(await command('destroy', { subject: id })).toEqual({ subject: id, again: true });
  await expect(command('destroy', { subject: newId() })).rejects.toMatchObject({ code: 'not_found' });
  await expect(command('destroy', { subject: 'Ines' })).rejects.toMatchObject({ code: 'invalid_request' });
});

it('a lost store is told; where the loss is accepted people are registered again, and the erased stay so', async () => {
  const [kept, gone] = [await aSubject(), await aSubject()];
  await command('destroy', { subject: gone });
  await expect(command('lost')).rejects.toMatchObject({ code: 'conflict' });
  const file = join(app.dataDir, 'keys', 'subjects.db');
  renameSync(file, `${file}.lost`);
  const { store } = (await command('lost')) as { store: string };
  await expect(command('accept-loss', { store: newId() })).rejects.toMatchObject({ code: 'conflict' });
  const accepted = await command('accept-loss', { store });
  expect(accepted).toMatchObject({ lost: store, destroyed: 2 });
  expect((await shown(await aSubject())).json.name).toBe('Ines Example');
  expect((await app.call('GET', '/api/v1/keys', { token: admin.accessToken })).json.keyStore).toMatchObject({
    state: 'present',
    copies: { place: folder, days: 7 },
  });
  // Also once there is a new key for them, and the one that was lost is remembered by nobody.
  clock.advance(31_000);
  const place = { organisation: app.organisationId, table: 'points', column: 'sealed', row: '1/1' };
  await (await dataKeysOf(app)).seal('61', place, kept);
  expect(await shown(kept)).toMatchObject({ status: 200, json: { reference: 'key missing', name: null } });
  expect((await app.database.admin.query(`select 1 from security_events where action = 'data.tampered'`)).rows).toEqual(
    [],
  );
  expect((await shown(gone)).status).toBe(404);
});
