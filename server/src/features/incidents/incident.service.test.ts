import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { AuditedTx } from '../../security/audit/tokens.ts';
import { HOUR_MS, incidentsUnderTest, MINUTE_MS } from './incidents.builders.ts';

let house: Awaited<ReturnType<typeof incidentsUnderTest>>;
beforeAll(async () => {
  house = await incidentsUnderTest();
});
afterAll(() => house?.drop());
beforeEach(() => house.begin());

const open = (more: object = {}) =>
  house.audited((tx) =>
    house.service.open(tx, house.place.ann, { title: 'A stolen laptop', severity: 'high', ...more }),
  );
const step = (name: 'acknowledge' | 'contain' | 'resolve' | 'reopen', id: string, by = house.place.ann) =>
  house.audited((tx) => house.service[name](tx, house.act(id, 'done', by)), by);

describe('an incident opened by hand', () => {
  it('says by whom, and takes what is detected about its subject', async () => {
    const { id } = await open({ subject: { scope: 'ip', value: '203.0.113.7' }, note: 'taken from the car' });
    house.clock.advance(MINUTE_MS);
    await house.answer(house.aDetection());
    const [incident] = await house.incidents();
    expect(incident).toMatchObject({ id, openedBy: 'Ann', status: 'open', detections: 1 });
    expect((await house.timeline(id)).timeline.map(({ kind, by, note }) => [kind, by, note])).toEqual([
      ['opened', 'Ann', 'taken from the car'],
      ['detection', null, 'password-guessing'],
    ]);
  });

  it('has not begun in the future', async () => {
    await expect(open({ startedAt: new Date(house.clock.now() + 1).toISOString() })).rejects.toMatchObject({
      code: 'invalid_request',
    });
  });
});

describe('the steps', () => {
  it('are timed: how long to acknowledge, how long to resolve', async () => {
    const { id } = await open();
    house.clock.advance(5 * MINUTE_MS);
    expect(await step('acknowledge', id)).toMatchObject({ status: 'acknowledged', secondsToAcknowledge: 300 });
    house.clock.advance(5 * MINUTE_MS);
    expect(await step('contain', id)).toMatchObject({ status: 'contained', secondsToAcknowledge: 300 });
    house.clock.advance(50 * MINUTE_MS);
    const resolved = await step('resolve', id);
    expect(resolved).toMatchObject({ status: 'resolved', secondsToResolve: 3600, owner: { label: 'Ann' } });
    const summary = await house.transactions.read(house.place.organisation, (reader) => house.service.summary(reader));
    expect(summary).toMatchObject({
      open: { low: 0, medium: 0, high: 0, critical: 0 },
      resolvedLast30d: 1,
      meanSecondsToAcknowledge: 300,
      meanSecondsToResolve: 3600,
    });
  });

  it('may be skipped forwards, and are never taken backwards', async () => {
    const { id } = await open();
    await expect(step('reopen', id)).rejects.toMatchObject({ code: 'conflict' });
    house.clock.advance(MINUTE_MS);
    expect(await step('contain', id)).toMatchObject({ secondsToAcknowledge: 60 });
    await expect(step('acknowledge', id)).rejects.toMatchObject({ code: 'conflict' });
    await expect(step('contain', id)).rejects.toMatchObject({ code: 'conflict' });
    await step('resolve', id);
    for (const back of ['acknowledge', 'contain', 'resolve'] as const)
      await expect(step(back, id)).rejects.toMatchObject({ code: 'conflict' });
  });

  it('what was resolved too early is reopened by a person, and is being worked on', async () => {
    const { id } = await open();
    await step('resolve', id);
    house.clock.advance(HOUR_MS);
    expect(await step('reopen', id)).toMatchObject({ status: 'acknowledged', resolvedAt: null, containedAt: null });
    house.clock.advance(HOUR_MS);
    expect(await step('resolve', id)).toMatchObject({ secondsToResolve: 7200 });
  });

  it('two people at once: one acknowledges, the other is told', async () => {
    const { id } = await open();
    const both = await house.atOnce(
      () => step('acknowledge', id),
      () => step('acknowledge', id, house.place.ben),
    );
    expect(both.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
  });
});

describe('owner, severity, notes', () => {
  it('the owner is somebody of the organisation who can sign in', async () => {
    const { id } = await open();
    const assign = (ownerId: string | null) => house.audited((tx) => house.service.assign(tx, house.act(id), ownerId));
    expect(await assign(house.place.ben.userId)).toMatchObject({ owner: { label: 'Ben' } });
    // Whoever acknowledges takes it only where nobody has it.
    expect(await step('acknowledge', id)).toMatchObject({ owner: { label: 'Ben' } });
    expect(await assign(null)).toMatchObject({ owner: null });
    await house.db.admin.query(`update users set status = 'disabled' where id = $1`, [house.place.ben.userId]);
    await expect(assign(house.place.ben.userId)).rejects.toMatchObject({ code: 'invalid_request' });
  });

  it('a change of severity says why, and keeps what it was', async () => {
    const { id } = await open();
    const change = (severity: 'low' | 'high') =>
      house.audited((tx) => house.service.changeSeverity(tx, house.act(id, 'it was a test'), severity));
    await expect(change('high')).rejects.toMatchObject({ code: 'conflict' });
    await change('low');
    const { timeline } = await house.timeline(id);
    expect(timeline.at(-1)).toMatchObject({ kind: 'severity', by: 'Ann', note: 'high → low: it was a test' });
  });

  it('the timeline is bounded, and full it still takes what ends something', async () => {
    const { id } = await open();
    await house.audited((tx) => house.breaches.flag(tx, house.act(id), undefined));
    await house.db.admin.query(
      `insert into incident_entries (id, incident_id, organisation_id, at, kind, note)
       select gen_random_uuid(), $1, $2, now(), 'note', 'x' from generate_series(1, 999)`,
      [id, house.place.organisation],
    );
    const { service, breaches } = house;
    for (const begun of [
      (tx: AuditedTx) => service.addNote(tx, house.act(id, 'one more')),
      (tx: AuditedTx) => service.assign(tx, house.act(id), house.place.ben.userId),
      (tx: AuditedTx) => service.changeSeverity(tx, house.act(id, 'less'), 'low'),
    ])
      await expect(house.audited(begun)).rejects.toMatchObject({ code: 'conflict' });
    for (const name of ['acknowledge', 'contain', 'resolve'] as const) await step(name, id);
    await expect(step('reopen', id)).rejects.toMatchObject({ code: 'conflict' });
    const told = await house.audited((tx) => breaches.notified(tx, house.act(id, 'BfDI 2026/17'), undefined));
    expect(told).toMatchObject({ status: 'resolved', severity: 'high', breach: { notifiedBy: 'Ann' } });
  });
});

describe('the list', () => {
  it('is filtered by status, severity, owner, subject and time, in pages', async () => {
    const made = [];
    for (const severity of ['low', 'high', 'critical'] as const) {
      made.push(await open({ severity, title: severity, subject: { scope: 'user', value: severity } }));
      house.clock.advance(MINUTE_MS);
    }
    const [low, high, critical] = made.map(({ id }) => id);
    await step('acknowledge', high ?? '');
    await step('resolve', low ?? '');
    const ids = async (query: Parameters<typeof house.incidents>[1]) =>
      (await house.incidents(house.place.ann, query)).map(({ id }) => id);
    expect(await ids({})).toEqual([critical, high, low]);
    expect(await ids({ open: 'true' })).toEqual([critical, high]);
    expect(await ids({ status: 'acknowledged' })).toEqual([high]);
    expect(await ids({ severity: 'critical' })).toEqual([critical]);
    expect(await ids({ owner: 'none' })).toEqual([critical]);
    expect(await ids({ owner: 'me' })).toEqual([high, low]);
    expect(await ids({ owner: house.place.ben.userId })).toEqual([]);
    expect(await ids({ subject: 'high' })).toEqual([high]);
    expect(await ids({ from: new Date(house.clock.now() - 2 * MINUTE_MS).toISOString() })).toEqual([critical, high]);
    expect(await ids({ breach: 'flagged' })).toEqual([]);
    const resolvedAt = house.clock.now();
    expect(await ids({ resolvedFrom: new Date(resolvedAt).toISOString() })).toEqual([low]);
    expect(await ids({ resolvedFrom: new Date(resolvedAt + 1).toISOString() })).toEqual([]);
    const page = await house.transactions.read(house.place.organisation, (reader) =>
      house.service.list(reader, house.place.ann, { limit: 2 }),
    );
    expect(page.items.map(({ id }) => id)).toEqual([critical, high]);
    expect(await ids({ cursor: page.nextCursor ?? '' })).toEqual([low]);
  });
});
