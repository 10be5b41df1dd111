import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { anApp, type Person, type TestApp } from '../../../../tests/support/app.ts';
import { openCheckpoint } from '../../lib/transparency/checkpoint.ts';
import { readCheckpointFile } from '../../lib/transparency/checkpoint-list.ts';
import { isConsistent } from '../../lib/transparency/merkle.ts';
import { parseVerifier } from '../../lib/transparency/signed-note.ts';
import { verifyProof } from '../../lib/transparency/verify-offline.ts';

let app: TestApp;
let admin: Person;
let stranger: Person;
beforeAll(async () => {
  app = await anApp();
  admin = await app.aPerson('admin');
  stranger = await app.aPerson('admin', await app.anotherOrganisation());
});
afterAll(() => app?.stop());

const get = async (path: string, who: Person = admin) => app.call('GET', `/api/v1${path}`, { token: who.accessToken });
const list = async (query: string, who: Person = admin) => (await get(`/audit-events?${query}`, who)).json.items;
const recorded = async (
  event: string,
): Promise<{ details: Record<string, unknown>; actor_id: string; resource_id: string | null }[]> =>
  (
    await app.database.admin.query(
      'select actor_id, resource_id, details from audit_events where event = $1 order by at',
      [event],
    )
  ).rows;

/** The newest event of a kind, once it is signed. */
async function signed(event: string) {
  for (let turn = 0; turn < 200; turn += 1) {
    const [newest] = await list(`event=${event}&limit=1`);
    if (newest?.proof.status === 'signed') return newest;
    await delay(100);
  }
  throw new Error(`${event} was not signed`);
}

describe('the status of each event', () => {
  it('is told with it: its position within a second, the checkpoint above it within five', async () => {
    const { id } = await app.aDevice(admin);
    const began = performance.now();
    const [first] = await list(`event=device.registered&resourceId=${id}`);
    expect(['pending', 'sequenced']).toContain(first.proof.status);
    const event = await signed('device.registered');
    expect(event.proof.position).toBeGreaterThanOrEqual(0);
    expect(event.proof.checkpointSize).toBeGreaterThan(event.proof.position);
    // As declared it is five seconds; a machine that does six things at once is given some more.
    expect(performance.now() - began).toBeLessThan(15_000);
  });

  it('of the last moment is signed at a stop', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'valtronics-last-'));
    const file = join(folder, 'checkpoints');
    const leaving = await anApp({ env: { VALTRONICS_AUDIT_CHECKPOINT_FILE: file } });
    const sizes = (): number[] =>
      [...readCheckpointFile(file)].flatMap((note) =>
        /\/instance\n/.test(note ?? '') ? [] : [Number(note?.split('\n')[1])],
      );
    let isStopped = false;
    try {
      const person = await leaving.aPerson('admin');
      await leaving.aDevice(person);
      await expect.poll(() => existsSync(file) && sizes().length, { timeout: 15_000 }).toBeTruthy();
      // The next would be signed three seconds from now at the earliest.
      const before = Math.max(...sizes());
      await leaving.aDevice(person);
      await leaving.stop();
      isStopped = true;
      expect(Math.max(...sizes())).toBeGreaterThan(before);
    } finally {
      if (!isStopped) await leaving.stop();
      rmSync(folder, { recursive: true });
    }
  });

  it('can be searched by what began so, actor, resource, address, outcome and time', async () => {
    const from = new Date(Date.now() - 3_600_000).toISOString();
    for (const query of [
      'event=device.*',
      `actorId=${admin.userId}`,
      'outcome=success',
      `from=${from}`,
      'address=127.0.0.1',
    ]) {
      const found = await list(query);
      expect([query, found.length > 0]).toEqual([query, true]);
    }
    for (const query of ['event=devic', 'address=192.0.2.200', 'actorId=nobody', `to=${from}`]) {
      expect([query, await list(query)]).toEqual([query, []]);
    }
    expect((await list('event=device.*')).every(({ event }: { event: string }) => event.startsWith('device.'))).toBe(
      true,
    );
    expect((await get('/audit-events?address=everywhere')).status).toBe(400);
  });
});

describe('proofs over HTTP', () => {
  it('a proof verifies with the key alone, and checkpoints are continued', async () => {
    const event = await signed('device.registered');
    const before = (await get('/audit-log/checkpoint')).json;
    const key = parseVerifier(before.key);
    const proof = await get(`/audit-events/${event.id}/proof`);
    expect(proof.headers['content-type']).toContain('text/plain');
    const proven = verifyProof(proof.text, [key]);
    expect(proven).toMatchObject({
      position: event.proof.position,
      event: { id: event.id, event: 'device.registered' },
    });
    expect(proven.values['/actor/label']).toBe(admin.email);

    await app.aDevice(admin, { name: 'Another' });
    await signed('device.registered');
    const after = (await get('/audit-log/checkpoint')).json;
    const older = openCheckpoint(before.note, [key]);
    const newer = openCheckpoint(after.note, [key]);
    expect(newer.size).toBeGreaterThan(older.size);
    const { hashes } = (await get(`/audit-log/proof?from=${older.size}&to=${newer.size}`)).json;
    const decoded = hashes.map((hash: string) => Buffer.from(hash, 'base64'));
    expect(isConsistent(older, newer, decoded)).toBe(true);
    expect((await get(`/audit-log/proof?from=1&to=${newer.size + 10_000}`)).status).toBe(400);
  });

  it('another organisation has its own log, and no part in this one or in that of the instance', async () => {
    const event = await signed('device.registered');
    expect((await get(`/audit-events/${event.id}/proof`, stranger)).status).toBe(404);
    expect(await list(`resourceId=${event.resource.id}`, stranger)).toEqual([]);
    expect(await list('of=instance', stranger)).toEqual([]);
    expect((await get('/audit-log/checkpoint?of=instance', stranger)).status).toBe(404);
    const own = await list('of=instance&event=audit.key_created');
    expect(own).toHaveLength(1);
    expect((await get('/audit-log/checkpoint?of=instance')).json.origin).toMatch(/\/instance$/);
  });
});

describe('an export', () => {
  const exportAs = (format: string, more = {}) =>
    app.call('POST', '/api/v1/audit-events/export', { token: admin.accessToken, body: { format, ...more } });

  it('is a file of lines with the proof status of each, and is recorded with what was asked for', async () => {
    const jsonl = await exportAs('jsonl', { event: 'device.registered' });
    const lines = jsonl.text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(lines.length).toBeGreaterThan(1);
    expect(lines.every(({ event, proof }) => event === 'device.registered' && typeof proof.status === 'string')).toBe(
      true,
    );
    const csv = await exportAs('csv', { event: 'device.registered' });
    expect(csv.headers['content-type']).toContain('text/csv');
    expect(csv.text.split('\r\n')).toHaveLength(lines.length + 2);
    expect((await recorded('audit.exported')).map(({ details }) => details)).toEqual([
      { format: 'jsonl', event: 'device.registered' },
      { format: 'csv', event: 'device.registered' },
    ]);
  });

  it('goes on beyond what is read at once', async () => {
    await app.database.admin.query(
      `insert into audit_events (id, organisation_id, event, outcome, actor_kind, actor_label)
       select gen_random_uuid(), $1, 'session.refused', 'failure', 'anonymous', '=HYPERLINK("x")' from generate_series(1, 2500)`,
      [app.organisationId],
    );
    const csv = await exportAs('csv', { event: 'session.refused' });
    expect(csv.text.trimEnd().split('\r\n')).toHaveLength(2_501);
    // What a spreadsheet would run is text.
    expect(csv.text).toContain(`"'=HYPERLINK(""x"")"`);
  });

  it('begins no field with a sign that makes a formula of it', async () => {
    const signs = [...'=+-@＝＋－＠\t\r\n'];
    await app.database.admin.query(
      `insert into audit_events (id, organisation_id, event, outcome, actor_kind, actor_label)
       select gen_random_uuid(), $1, 'session.ended', 'failure', 'anonymous', sign || 'cmd' from unnest($2::text[]) sign`,
      [app.organisationId, signs],
    );
    const csv = await exportAs('csv', { event: 'session.ended', outcome: 'failure' });
    for (const sign of signs) expect([sign, csv.text.includes(`'${sign}cmd`)]).toEqual([sign, true]);
    expect(csv.text).not.toMatch(/(?:^|[,"])[=+\-@\t\r\n＝＋－＠]+cmd/);
  });

  it('is not given where it cannot be recorded', async () => {
    await app.database.admin.query('revoke insert on audit_events from valtronics_server');
    try {
      const refused = await exportAs('jsonl');
      expect([refused.status, refused.text.includes('device.registered')]).toEqual([500, false]);
    } finally {
      await app.database.admin.query('grant insert on audit_events to valtronics_server');
    }
  });
});

describe('who read what', () => {
  it('reading the log is in the log, once a minute', async () => {
    const reader = await app.aPerson('admin');
    for (let turn = 0; turn < 3; turn += 1) await get('/audit-events', reader);
    const own = (await recorded('audit.read')).filter(({ actor_id }) => actor_id === reader.userId);
    expect(own.map(({ details }) => details)).toEqual([{ route: '/audit-events', kind: 'data_access' }]);
  });

  it('reading what a device of class health measured is, per device; of another it is not', async () => {
    const analyst = await app.aPerson('analyst');
    const plain = await app.aDevice(admin, { name: 'Plain' });
    const health = await app.aDevice(admin, { name: 'Health', health: true });
    const read = (deviceId: string) => get(`/telemetry/latest?deviceId=${deviceId}`, analyst);
    const own = async () => (await recorded('telemetry.read')).filter(({ actor_id }) => actor_id === analyst.userId);
    expect((await read(plain.id)).status).toBe(200);
    expect(await own()).toEqual([]);
    for (let turn = 0; turn < 3; turn += 1) expect((await read(health.id)).status).toBe(200);
    expect((await own()).map(({ resource_id }) => resource_id)).toEqual([health.id]);
    // All at once, of which some is of that class.
    expect((await get('/alerts', analyst)).status).toBe(200);
    expect((await recorded('alert.read')).filter(({ actor_id }) => actor_id === analyst.userId)).toHaveLength(1);
  });

  it('what cannot be recorded is not told, and is recorded once it can be', async () => {
    const analyst = await app.aPerson('analyst');
    await app.database.admin.query('revoke insert on audit_events from valtronics_server');
    try {
      expect((await get('/alerts', analyst)).status).toBe(500);
    } finally {
      await app.database.admin.query('grant insert on audit_events to valtronics_server');
    }
    expect((await get('/alerts', analyst)).status).toBe(200);
    expect((await recorded('alert.read')).filter(({ actor_id }) => actor_id === analyst.userId)).toHaveLength(1);
  });
});
