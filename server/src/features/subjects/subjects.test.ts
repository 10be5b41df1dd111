import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Answer, anApp, type Person, type TestApp } from '../../../../tests/support/app.ts';
import { dataKeysOf, sealClear } from '../../../../tests/support/data-keys.ts';
import { expectProblem } from '../../../../tests/support/expect-problem.ts';
import { manualClock } from '../../lib/clock.ts';
import { fullMask } from '../../lib/masking.ts';

// Everything here goes through the gate, to a real PostgreSQL.
const clock = manualClock(Date.now());
let app: TestApp;
let operator: Person;
let analyst: Person;
let taken = 0;
const logLines: string[] = [];

beforeAll(async () => {
  app = await anApp({
    clock,
    webFolder: import.meta.dirname,
    env: { VALTRONICS_LOG_LEVEL: 'debug' },
    onLogLine: (line) => logLines.push(line),
  });
  operator = await app.aPerson('operator');
  analyst = await app.aPerson('analyst');
});
// So that no test runs into a limit or into a session that is no longer fresh.
beforeEach(() => clock.advance(2_000));
afterAll(() => app?.stop());

const ask = (as: Person, method: string, path: string, body?: unknown): Promise<Answer> =>
  app.call(method, `/api/v1${path}`, { token: as.accessToken, ...(body === undefined ? {} : { body }) });

async function aSubject(fields: { reference?: string; name?: string | null } = {}, as = operator) {
  taken += 1;
  const body = { reference: `MRN-${String(taken).padStart(5, '0')}`, name: 'Ines Example', ...fields };
  const made = await ask(as, 'POST', '/subjects', body);
  expect(made.status, made.text).toBe(201);
  return made.json as { id: string; reference: string; name: string | null };
}
const aDevice = (name = 'Patient monitor', as = operator) => app.aDevice(as, { name, health: true });

async function assign(deviceId: string, subjectId: string, rest: Record<string, unknown> = {}) {
  const made = await ask(operator, 'POST', `/devices/${deviceId}/assignments`, { subjectId, ...rest });
  expect(made.status, made.text).toBe(201);
  return made.json as { id: string; from: string; until: string | null };
}

/** As the owner of the database. */
const alter = (id: string, column: 'reference_sealed' | 'name_sealed') =>
  app.database.admin.query(
    `update subjects set ${column} = set_byte(${column}, 40, get_byte(${column}, 40) # 1) where id = $1`,
    [id],
  );

interface Event {
  event: string;
  actor_id: string;
  resource_kind: string | null;
  resource_id: string | null;
  details: Record<string, unknown>;
}
const events = async (event = 'subject.%'): Promise<Event[]> =>
  (
    await app.database.admin.query<Event>(
      `select event, actor_id, resource_kind, resource_id, details from audit_events where event like $1 order by at`,
      [event],
    )
  ).rows;
const at = (minutes: number) => new Date(clock.now() + minutes * 60_000).toISOString();

describe('who may see whom', () => {
  it('[ASVS 8.2.3] shows reference and name to who may change devices, and masks of one length to everybody else', async () => {
    const { id } = await aSubject({ reference: 'MRN-7731-Lopez', name: 'Maria Lopez' });
    const without = await aSubject({ reference: 'M', name: null });
    const expected = { id, reference: 'MRN-7731-Lopez', name: 'Maria Lopez', masked: false };
    for (const role of ['admin', 'operator'] as const)
      expect((await ask(await app.aPerson(role), 'GET', `/subjects/${id}`)).json).toMatchObject(expected);
    for (const role of ['analyst', 'user'] as const) {
      const person = await app.aPerson(role);
      for (const subjectId of [id, without.id]) {
        const { json } = await ask(person, 'GET', `/subjects/${subjectId}`);
        expect(json).toEqual({
          id: subjectId,
          reference: fullMask,
          name: fullMask,
          masked: true,
          measuredBy: [],
          createdAt: expect.any(String),
        });
      }
      const list = await ask(person, 'GET', '/subjects?limit=200');
      expect(list.status).toBe(200);
      expect(list.json.items.length).toBeGreaterThan(1);
      expect(list.text).not.toMatch(/Lopez|Maria|MRN-/);
    }
  });

  it('[ASVS 8.2.3] masks whom a device measures in the same way', async () => {
    const { id } = await aSubject({ reference: 'MRN-9 Gomez', name: 'Gomez' });
    const device = await aDevice();
    await assign(device.id, id);
    const path = `/devices/${device.id}/assignments`;
    expect((await ask(operator, 'GET', path)).json.items[0].subject).toMatchObject({ name: 'Gomez', masked: false });
    const masked = await ask(analyst, 'GET', path);
    expect(masked.json.items[0].subject).toEqual({ id, reference: fullMask, name: fullMask, masked: true });
    expect(masked.text).not.toContain('Gomez');
    expect((await ask(analyst, 'GET', `/subjects/${id}`)).json.measuredBy).toEqual([
      { id: device.id, name: 'Patient monitor' },
    ]);
  });

  it('[ASVS 8.2.3] who sees masks finds nobody by what is behind them: right and wrong guesses look the same', async () => {
    const { id } = await aSubject({ reference: 'MRN-55-Quark', name: 'Quentin Quark' });
    const search = async (as: Person, text: string) =>
      (await ask(as, 'GET', `/subjects?text=${encodeURIComponent(text)}`)).json;
    for (const guess of ['Quentin', 'quark', 'MRN-55', 'MRN-55-Quark', 'Q', '%', '_'])
      expect([guess, await search(analyst, guess)]).toEqual([guess, { items: [], nextCursor: null }]);
    // They may look for what they see.
    expect((await search(analyst, id.slice(-12))).items).toMatchObject([{ id, masked: true }]);
    for (const guess of ['Quentin', 'quark', 'MRN-55', id])
      expect((await search(operator, guess)).items).toMatchObject([{ id, name: 'Quentin Quark' }]);
    expect((await search(operator, '%')).items).toEqual([]);
  });

  it('[ASVS 8.2.3] who sees masks cannot sort by what is behind them, and the order they get does not follow it', async () => {
    for (const sort of ['reference', '-reference', 'name', '-name']) {
      expectProblem(await ask(analyst, 'GET', `/subjects?sort=${sort}`), 403, 'forbidden');
      // A cursor of that order, made by hand, opens nothing either.
      const cursor = Buffer.from(JSON.stringify([sort, randomUUID()])).toString('base64url');
      expectProblem(await ask(analyst, 'GET', `/subjects?cursor=${cursor}`), 400, 'invalid_request');
    }
    const made: string[] = [];
    for (const reference of ['zz-first', 'aa-second', 'mm-third']) {
      clock.advance(1_000);
      made.push((await aSubject({ reference, name: null })).id);
    }
    const { json } = await ask(analyst, 'GET', '/subjects?limit=200');
    const order = json.items.map(({ id }: { id: string }) => id).filter((id: string) => made.includes(id));
    expect(order).toEqual(made);
  });

  it('[ASVS 8.1.2, 8.2.1] who sees masks changes nothing', async () => {
    const { id } = await aSubject();
    const device = await aDevice();
    const { id: assignmentId } = await assign(device.id, id);
    for (const [method, path, body] of [
      ['POST', '/subjects', { reference: 'X' }],
      ['PATCH', `/subjects/${id}`, { name: 'X' }],
      ['DELETE', `/subjects/${id}`],
      ['POST', `/devices/${device.id}/assignments`, { subjectId: id }],
      ['PATCH', `/devices/${device.id}/assignments/${assignmentId}`, { until: at(1) }],
      ['DELETE', `/devices/${device.id}/assignments/${assignmentId}`],
    ] as const)
      expectProblem(await ask(analyst, method, path, body), 403, 'forbidden');
  });

  it('[ASVS 8.2.2] for who is limited to some devices, a subject is seen through its devices only, or by who registered it', async () => {
    const other = await app.aPerson('operator');
    const [seen, hidden, before] = [await aSubject(), await aSubject(), await aSubject()];
    const unassigned = await aSubject();
    const visible = await aDevice('Ward monitor');
    const secret = await aDevice('Behind the curtain');
    await assign(visible.id, seen.id);
    await assign(visible.id, before.id, { from: at(-60), until: at(-30) });
    await assign(secret.id, before.id, { from: at(-20), until: at(-10) });
    await assign(secret.id, hidden.id);
    const ids = async (as: Person) =>
      (await ask(as, 'GET', '/subjects?limit=200&sort=-createdAt')).json.items.map(({ id }: { id: string }) => id);
    expect(await ids(other)).toEqual(expect.arrayContaining([seen.id, hidden.id, before.id, unassigned.id]));

    const admin = await app.aPerson('admin');
    const group = await ask(admin, 'POST', '/device-groups', { name: 'The ward', deviceIds: [visible.id] });
    const limited = [other, operator, analyst];
    const limit = async (deviceScope: 'all' | 'limited') => {
      await app.freshProof(admin);
      for (const { userId } of limited) {
        const deviceGroupIds = deviceScope === 'all' ? [] : [group.json.id];
        const answer = await ask(admin, 'PATCH', `/users/${userId}`, { deviceScope, deviceGroupIds });
        expect(answer.status).toBe(200);
      }
    };
    await limit('limited');
    try {
      const found = await ids(other);
      expect(found).toEqual(expect.arrayContaining([seen.id, before.id]));
      expect(found).not.toContain(hidden.id);
      expect(found).not.toContain(unassigned.id);
      for (const id of [hidden.id, unassigned.id]) {
        const asked = [
          await ask(other, 'GET', `/subjects/${id}`),
          await ask(other, 'GET', `/subjects/${id}/assignments`),
          await ask(other, 'PATCH', `/subjects/${id}`, { name: 'X' }),
          await ask(other, 'DELETE', `/subjects/${id}`),
          await ask(analyst, 'GET', `/subjects/${id}`),
        ];
        for (const answer of asked) expectProblem(answer, 404, 'not_found');
        const assigning = await ask(other, 'POST', `/devices/${visible.id}/assignments`, {
          subjectId: id,
          from: at(-90),
          until: at(-80),
        });
        expect(assigning.json.errors).toEqual([{ path: 'subjectId', message: 'no such person' }]);
      }
      expectProblem(await ask(other, 'GET', `/devices/${secret.id}/assignments`), 404, 'not_found');
      const spans = await ask(other, 'GET', `/subjects/${before.id}/assignments`);
      expect(spans.json.items.map(({ device }: { device: { id: string } }) => device.id)).toEqual([visible.id]);
      // Who registered somebody sees them until a device measures them; then that device decides.
      expect(await ids(operator)).toContain(unassigned.id);
      expect(await ids(operator)).not.toContain(hidden.id);
    } finally {
      await limit('all');
    }
  });
});

describe('the record of reading', () => {
  it('[ASVS 16.3.3] every answer with clear values is recorded, with ids and never with values; masked ones are not', async () => {
    const { id } = await aSubject({ reference: 'MRN-Canary', name: 'Canary Bird' });
    const device = await aDevice();
    await assign(device.id, id);
    const start = (await events('subject.read')).length;
    await ask(operator, 'GET', `/subjects/${id}`);
    await ask(operator, 'GET', '/subjects?text=Canary');
    await ask(operator, 'GET', '/subjects?text=Nobody-of-that-name');
    await ask(operator, 'GET', `/devices/${device.id}/assignments`);
    for (const path of [`/subjects/${id}`, '/subjects', `/devices/${device.id}/assignments`])
      await ask(analyst, 'GET', path);
    await ask(operator, 'GET', `/devices/${(await aDevice()).id}/assignments`);
    expect((await events('subject.read')).slice(start)).toEqual([
      { event: 'subject.read', actor_id: operator.userId, resource_kind: 'subject', resource_id: id, details: {} },
      {
        event: 'subject.read',
        actor_id: operator.userId,
        resource_kind: null,
        resource_id: null,
        details: { count: 1, searched: true, subjectIds: [id] },
      },
      {
        event: 'subject.read',
        actor_id: operator.userId,
        resource_kind: null,
        resource_id: null,
        details: { count: 0, searched: true, subjectIds: [] },
      },
      {
        event: 'subject.read',
        actor_id: operator.userId,
        resource_kind: 'device',
        resource_id: device.id,
        details: { count: 1, subjectIds: [id] },
      },
    ]);
    expect(JSON.stringify(await events())).not.toMatch(/Canary|Nobody-of|Ines|MRN-/);
  });

  it('[ASVS 16.5.3] what cannot be recorded is not shown', async () => {
    const { id } = await aSubject({ reference: 'MRN-Silence', name: 'Silent Reader' });
    const device = await aDevice();
    await assign(device.id, id);
    await app.database.admin.query('revoke insert on audit_events from valtronics_server');
    try {
      for (const path of [`/subjects/${id}`, '/subjects', `/devices/${device.id}/assignments`]) {
        const answer = await ask(operator, 'GET', path);
        expect(answer.status).toBe(500);
        expect(answer.text).not.toContain('Silen');
        expect((await ask(analyst, 'GET', path)).status).toBe(200);
      }
    } finally {
      await app.database.admin.query('grant insert on audit_events to valtronics_server');
    }
  });

  it('the largest page fits into its event', async () => {
    await app.database.admin.query(
      `insert into subjects (id, organisation_id, reference) select gen_random_uuid(), $1, 'crowd-' || n from generate_series(1, 210) n`,
      [app.organisationId],
    );
    await sealClear(app.database, await dataKeysOf(app));
    const { json } = await ask(operator, 'GET', '/subjects?limit=200&text=crowd-');
    expect(json.items).toHaveLength(200);
    expect((await events('subject.read')).at(-1)?.details).toMatchObject({ count: 200 });
    const rest = await ask(operator, 'GET', `/subjects?limit=200&text=crowd-&cursor=${json.nextCursor}`);
    expect(rest.json).toMatchObject({ items: { length: 10 }, nextCursor: null });
    const all = [...json.items, ...rest.json.items].map(({ reference }) => reference);
    expect(new Set(all).size).toBe(210);
    expect(all).toEqual(all.toSorted());
    expectProblem(await ask(operator, 'GET', '/subjects?limit=201'), 400, 'invalid_request');
  });

  it('[ASVS 14.2.1] no cursor carries a name or a reference', async () => {
    await aSubject({ reference: 'cursor-1', name: 'Cora Cursor' });
    await aSubject({ reference: 'cursor-2', name: 'Cora Cursor' });
    for (const sort of ['reference', 'name', '-name', '-createdAt']) {
      const { json } = await ask(operator, 'GET', `/subjects?limit=1&text=cursor-&sort=${sort}`);
      expect(Buffer.from(json.nextCursor, 'base64url').toString()).not.toMatch(/cora|cursor/i);
      const next = await ask(operator, 'GET', `/subjects?limit=1&text=cursor-&sort=${sort}&cursor=${json.nextCursor}`);
      expect(next.json.items[0].id).not.toBe(json.items[0].id);
    }
  });
});

describe('registering', () => {
  it('a reference is there once in an organisation; another organisation has its own', async () => {
    const { id, reference } = await aSubject();
    const other = await aSubject();
    expectProblem(await ask(operator, 'POST', '/subjects', { reference }), 409, 'conflict');
    expectProblem(await ask(operator, 'PATCH', `/subjects/${other.id}`, { reference }), 409, 'conflict');
    expect((await ask(operator, 'PATCH', `/subjects/${id}`, { reference, name: null })).json).toMatchObject({
      reference,
      name: null,
    });
    const stranger = await app.aPerson('operator', await app.anotherOrganisation());
    await aSubject({ reference }, stranger);
    expect((await ask(stranger, 'GET', '/subjects')).json.items).toHaveLength(1);
    expect((await events('subject.changed')).at(-1)?.details).toEqual({ changed: ['reference', 'name'] });
  });

  it('[ASVS 15.4.2] of fifty that register one reference at once, exactly one does', async () => {
    const answers = await Promise.all(
      Array.from({ length: 50 }, () => ask(operator, 'POST', '/subjects', { reference: 'MRN-race' })),
    );
    expect(answers.map(({ status }) => status).sort()).toEqual([201, ...Array.from({ length: 49 }, () => 409)]);
  });

  it('whose key is not in the key store is shown so, is not taken for erased, and what is shown is never written back', async () => {
    const { id } = await aSubject();
    const there = await aSubject();
    const store = new DatabaseSync(join(app.dataDir, 'keys', 'subjects.db'));
    store.prepare('delete from subject_keys where subject = ?').run(id);
    store.close();
    clock.advance(31_000);
    expect((await ask(operator, 'GET', `/subjects/${id}`)).json).toMatchObject({
      reference: 'key missing',
      name: null,
    });
    const list = await ask(operator, 'GET', `/subjects?text=${there.reference}`);
    expect(list.json.items).toContainEqual(expect.objectContaining({ id: there.id, reference: there.reference }));
    expectProblem(await ask(operator, 'PATCH', `/subjects/${id}`, { name: 'Anew' }), 409, 'conflict');
    // Left in clear at the start, since somebody else has that reference.
    const inClear = randomUUID();
    await app.database.admin.query(
      `insert into subjects (id, organisation_id, reference, name) values ($1, $2, $3, 'Left')`,
      [inClear, app.organisationId, there.reference],
    );
    for (const one of [id, inClear]) {
      const anew = { reference: `${there.reference}-${one}`, name: 'Anew' };
      expect((await ask(operator, 'PATCH', `/subjects/${one}`, anew)).status).toBe(200);
      expect((await ask(operator, 'GET', `/subjects/${one}`)).json).toMatchObject(anew);
    }
    const left = await app.database.admin.query(
      'select from subjects where id = $1 and reference is null and name is null',
      [inClear],
    );
    expect(left.rowCount).toBe(1);
  });

  it('whose values somebody altered is told so, alone of a list, and is erased like anybody else', async () => {
    const { id } = await aSubject();
    await alter(id, 'name_sealed');
    expect((await ask(operator, 'GET', `/subjects/${id}`)).json).toMatchObject({ name: 'unreadable' });
    expect((await ask(operator, 'GET', '/subjects')).status).toBe(200);
    await app.freshProof(operator);
    expect((await ask(operator, 'DELETE', `/subjects/${id}`)).status).toBe(204);
    expectProblem(await ask(operator, 'GET', `/subjects/${id}`), 404, 'not_found');
  });

  it('one altered value is given anew alone, and what stands in its place is never written back', async () => {
    const { id, reference } = await aSubject({ name: 'Whole Name' });
    const change = (body: unknown) => ask(operator, 'PATCH', `/subjects/${id}`, body);
    await alter(id, 'name_sealed');
    for (const body of [{ reference: 'MRN-anew' }, { reference: 'MRN-anew', name: 'unreadable' }]) {
      const refused = await change(body);
      expectProblem(refused, 409, 'conflict');
      expect(refused.json.detail).toContain('give name anew');
    }
    const repaired = await change({ reference, name: 'New Name' });
    expect([repaired.status, repaired.json]).toMatchObject([200, { reference, name: 'New Name' }]);
    await alter(id, 'reference_sealed');
    expectProblem(await change({ reference: 'unreadable' }), 409, 'conflict');
    expectProblem(await change({ name: 'Other' }), 409, 'conflict');
    expect((await change({ reference: 'MRN-repaired' })).status).toBe(200);
    const whole = { reference: 'MRN-repaired', name: 'New Name' };
    expect((await ask(operator, 'GET', `/subjects/${id}`)).json).toMatchObject(whole);
    await alter(id, 'reference_sealed');
    await alter(id, 'name_sealed');
    const both = await change({ name: 'Only Name' });
    expectProblem(both, 409, 'conflict');
    expect(both.json.detail).toContain('give reference and name anew');
    expect((await change({ reference: 'MRN-both', name: null })).json).toMatchObject({
      reference: 'MRN-both',
      name: null,
    });
  });

  it('[ASVS 7.5.3] deleting needs a fresh proof, takes the assignments along and says how many; measurements stay', async () => {
    const old = await app.aPerson('operator');
    const { id } = await aSubject();
    const device = await aDevice();
    await assign(device.id, id, { from: at(-10), until: at(-5) });
    await assign(device.id, id, { from: at(-5) });
    clock.advance(301_000);
    const fresh = await app.aPerson('operator');
    expectProblem(await ask(old, 'DELETE', `/subjects/${id}`), 401, 'step_up_required');
    expect((await ask(fresh, 'DELETE', `/subjects/${id}`)).status).toBe(204);
    expectProblem(await ask(fresh, 'GET', `/subjects/${id}`), 404, 'not_found');
    expect((await ask(fresh, 'GET', `/devices/${device.id}/assignments`)).json.items).toEqual([]);
    expect((await events('subject.deleted')).at(-1)).toMatchObject({ resource_id: id, details: { assignments: 2 } });
    // People signed in before are still signed in, only not fresh.
    operator = fresh;
  });
});

describe('assigning', () => {
  it('a device measures one at a time: a second is told when, not whom, and may end the first', async () => {
    const [first, second] = [await aSubject({ name: 'First Person' }), await aSubject({ name: 'Second Person' })];
    const device = await aDevice();
    const open = await assign(device.id, first.id);
    clock.advance(60_000);
    const path = `/devices/${device.id}/assignments`;
    const refused = await ask(operator, 'POST', path, { subjectId: second.id });
    expectProblem(refused, 409, 'conflict');
    expect(refused.json.detail).toContain(`measures somebody else from ${open.from} with no end yet`);
    expect(refused.text).not.toContain('First Person');
    const made = await assign(device.id, second.id, { endCurrent: true });
    const { items } = (await ask(operator, 'GET', path)).json;
    expect(items).toMatchObject([
      { id: made.id, subject: { name: 'Second Person' }, until: null },
      { id: open.id, subject: { name: 'First Person' }, until: made.from },
    ]);
    expect((await events('subject.assigned')).at(-1)).toMatchObject({
      resource_id: second.id,
      details: { deviceId: device.id, until: null, ended: { assignmentId: open.id, subjectId: first.id } },
    });
    expectProblem(
      await ask(operator, 'POST', path, { subjectId: first.id, from: made.from, endCurrent: true }),
      409,
      'conflict',
    );
  });

  it('the past may be corrected where it is free, and a planned assignment is not run over', async () => {
    const [first, second] = [await aSubject(), await aSubject()];
    const device = await aDevice();
    const path = `/devices/${device.id}/assignments`;
    await assign(device.id, first.id, { from: at(60), until: at(120) });
    const past = await assign(device.id, second.id, { from: at(-120), until: at(-60) });
    expect(past).toMatchObject({ from: at(-120), until: at(-60) });
    // Ends are not part of a span: one may begin where another ends.
    await assign(device.id, first.id, { from: at(-60), until: at(60) });
    for (const [from, until] of [
      [at(-90), at(-70)],
      [at(0), undefined],
      [at(119), at(121)],
    ])
      expectProblem(await ask(operator, 'POST', path, { subjectId: second.id, from, until }), 409, 'conflict');
    // Ends the current one, but not the planned one after it.
    const over = { subjectId: second.id, from: at(0), endCurrent: true };
    expectProblem(await ask(operator, 'POST', path, over), 409, 'conflict');
    expect((await ask(operator, 'GET', path)).json.items.map(({ until }: { until: string }) => until)).toEqual([
      at(120),
      at(60),
      at(-60),
    ]);
    for (const until of [at(-120), at(-121)])
      expectProblem(
        await ask(operator, 'POST', path, { subjectId: second.id, from: at(-120), until }),
        400,
        'invalid_request',
      );
  });

  it('an assignment is ended, its end corrected, and a mistake removed; each is recorded', async () => {
    const { id } = await aSubject();
    const device = await aDevice();
    const { id: assignmentId, from } = await assign(device.id, id, { from: at(-30) });
    const path = `/devices/${device.id}/assignments/${assignmentId}`;
    expect((await ask(analyst, 'GET', `/subjects/${id}`)).json.measuredBy).toHaveLength(1);
    const ended = await ask(operator, 'PATCH', path, { until: at(-1) });
    expect(ended.json).toMatchObject({ from, until: at(-1), subject: { id } });
    expect((await ask(analyst, 'GET', `/subjects/${id}`)).json.measuredBy).toEqual([]);
    expect((await ask(operator, 'PATCH', path, { until: at(-2) })).json.until).toBe(at(-2));
    expectProblem(await ask(operator, 'PATCH', path, { until: from }), 400, 'invalid_request');
    const later = await assign(device.id, id, { from: at(-1) });
    expectProblem(await ask(operator, 'PATCH', path, { until: at(0) }), 409, 'conflict');
    expect((await ask(operator, 'DELETE', path)).status).toBe(204);
    expectProblem(await ask(operator, 'DELETE', path), 404, 'not_found');
    expect((await ask(analyst, 'GET', `/subjects/${id}/assignments`)).json.items).toMatchObject([
      { id: later.id, device: { id: device.id, name: 'Patient monitor' } },
    ]);
    expect((await events('subject.unassigned')).slice(-3)).toMatchObject([
      { resource_id: id, details: { deviceId: device.id, assignmentId, until: at(-1) } },
      { resource_id: id, details: { assignmentId, until: at(-2) } },
      { resource_id: id, details: { assignmentId, removed: true, from, until: at(-2) } },
    ]);
    // An assignment is reached through its own device only.
    const elsewhere = await aDevice();
    expectProblem(await ask(operator, 'DELETE', `/devices/${elsewhere.id}/assignments/${later.id}`), 404, 'not_found');
  });

  it.each([false, true])(
    '[ASVS 15.4.2] of fifty that assign a device at once (ending what is there: %s), exactly one holds it',
    async (endCurrent) => {
      const before = await aSubject();
      const people = await Promise.all(Array.from({ length: 5 }, () => aSubject()));
      const device = await aDevice();
      await assign(device.id, before.id, { from: at(-60), ...(endCurrent ? {} : { until: at(-1) }) });
      const answers = await Promise.all(
        Array.from({ length: 50 }, (_, index) =>
          ask(operator, 'POST', `/devices/${device.id}/assignments`, {
            subjectId: people[index % people.length]?.id,
            endCurrent,
          }),
        ),
      );
      expect(answers.map(({ status }) => status).sort()).toEqual([201, ...Array.from({ length: 49 }, () => 409)]);
      const open = await app.database.admin.query(
        'select 1 from subject_assignments where device_id = $1 and upper_inf(during)',
        [device.id],
      );
      expect(open.rows).toHaveLength(1);
    },
  );

  it('pages through a long history without missing or repeating one', async () => {
    const { id } = await aSubject();
    const device = await aDevice();
    await app.database.admin.query(
      `insert into subject_assignments (id, organisation_id, subject_id, device_id, during)
       select gen_random_uuid(), $1, $2, $3, tstzrange(t, t + interval '1 microsecond')
       from generate_series(now() - interval '25 microseconds', now() - interval '1 microsecond', interval '1 microsecond') t`,
      [app.organisationId, id, device.id],
    );
    for (const path of [`/devices/${device.id}/assignments`, `/subjects/${id}/assignments`]) {
      const ids: string[] = [];
      for (let cursor: string | null = ''; cursor !== null; ) {
        const { json } = await ask(operator, 'GET', `${path}?limit=10${cursor ? `&cursor=${cursor}` : ''}`);
        ids.push(...json.items.map((item: { id: string }) => item.id));
        cursor = json.nextCursor;
      }
      expect([path, ids.length, new Set(ids).size]).toEqual([path, 25, 25]);
    }
  });

  it('a deleted device takes its assignments along, and leaves the person', async () => {
    const admin = await app.aPerson('admin');
    const { id } = await aSubject();
    const device = await aDevice('Gone soon');
    await assign(device.id, id);
    expect((await ask(admin, 'DELETE', `/devices/${device.id}`)).status).toBe(204);
    expect((await ask(operator, 'GET', `/subjects/${id}`)).json).toMatchObject({ id, measuredBy: [] });
  });
});

it('[ASVS 16.2.5] nothing of all this stands in the log: no name, no reference, no text searched for', () => {
  expect(logLines.length).toBeGreaterThan(3);
  expect(logLines.join('\n')).not.toMatch(/Ines|Lopez|Gomez|Quark|Canary|Silen|MRN-|Nobody-of|First Person/);
});
