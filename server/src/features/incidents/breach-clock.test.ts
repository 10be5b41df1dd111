import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { aUser } from '../../../../tests/support/alert-fixtures.ts';
import { HOUR_MS, incidentsUnderTest, MINUTE_MS, NOW } from './incidents.builders.ts';

let house: Awaited<ReturnType<typeof incidentsUnderTest>>;
const closing: (() => void)[] = [];
beforeAll(async () => {
  house = await incidentsUnderTest();
});
afterAll(() => house?.drop());
beforeEach(() => house.begin());
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

const aHook = async (...more: Parameters<typeof house.aHook>) => {
  const hook = await house.aHook(...more);
  closing.push(hook.close);
  return async () => (await hook.heard()).map(({ type }) => type.replace('incident.', ''));
};
const open = async (severity: 'low' | 'high' = 'high') => {
  const opened = await house.audited((tx) =>
    house.service.open(tx, house.place.ann, { title: 'A stolen laptop', severity }),
  );
  return opened.id;
};
const flag = (id: string, awareAt?: number) =>
  house.audited((tx) =>
    house.breaches.flag(tx, house.act(id), awareAt === undefined ? undefined : new Date(awareAt).toISOString()),
  );
const notified = (id: string, at?: number) =>
  house.audited((tx) =>
    house.breaches.notified(
      tx,
      house.act(id, 'BfDI 2026/17'),
      at === undefined ? undefined : new Date(at).toISOString(),
    ),
  );

describe('the 72 hours of a breach', () => {
  it('begin when it is flagged, or when one became aware of it; not in the future, not a month ago', async () => {
    expect((await flag(await open())).breach).toMatchObject({
      awareAt: new Date(NOW).toISOString(),
      dueAt: new Date(NOW + 72 * HOUR_MS).toISOString(),
      flaggedBy: 'Ann',
      notifiedAt: null,
    });
    const earlier = await flag(await open(), NOW - 10 * HOUR_MS);
    expect(earlier.breach?.dueAt).toBe(new Date(NOW + 62 * HOUR_MS).toISOString());
    await expect(flag(earlier.id)).rejects.toMatchObject({ code: 'conflict' });
    const id = await open();
    await expect(flag(id, NOW + 1)).rejects.toMatchObject({ code: 'invalid_request' });
    await expect(flag(id, NOW - 31 * 24 * HOUR_MS)).rejects.toMatchObject({ code: 'invalid_request' });
  });

  it('one is reminded 24 hours and 4 hours before their end, and told when they are over: each once', async () => {
    const heard = await aHook();
    const id = await open();
    await flag(id);
    const at = async (milliseconds: number) => {
      house.clock.set(NOW + milliseconds);
      await house.runClock();
      return (await heard()).slice(2);
    };
    expect(await at(48 * HOUR_MS - 1)).toEqual([]);
    expect(await at(48 * HOUR_MS)).toEqual(['breach_reminded']);
    expect(await at(68 * HOUR_MS - 1)).toEqual(['breach_reminded']);
    expect(await at(68 * HOUR_MS)).toEqual(['breach_reminded', 'breach_reminded']);
    expect(await at(72 * HOUR_MS - 1)).toHaveLength(2);
    expect(await at(72 * HOUR_MS)).toEqual(['breach_reminded', 'breach_reminded', 'breach_overdue']);
    expect(await at(500 * HOUR_MS)).toHaveLength(3);
    expect((await house.auditedEvents(id)).filter((event) => event === 'incident.breach_reminded')).toHaveLength(3);
  });

  it('two servers at once remind once; after an outage the last reminder is sent, not all', async () => {
    const heard = await aHook();
    const id = await open();
    await flag(id);
    house.clock.advance(70 * HOUR_MS);
    await house.atOnce(house.runClock, house.runClock, house.runClock);
    expect((await heard()).slice(2)).toEqual(['breach_reminded']);
    expect((await house.auditedEvents(id)).filter((event) => event === 'incident.breach_reminded')).toHaveLength(1);
  });

  it('go on while the incident is resolved, and end when the authority was told', async () => {
    const heard = await aHook();
    const id = await open();
    await flag(id);
    await house.audited((tx) => house.service.resolve(tx, house.act(id, 'found again')));
    house.clock.advance(48 * HOUR_MS);
    await house.runClock();
    expect(await heard()).toContain('breach_reminded');
    await expect(notified(id, NOW - 1)).rejects.toMatchObject({ code: 'invalid_request' });
    await expect(notified(id, house.clock.now() + 1)).rejects.toMatchObject({ code: 'invalid_request' });
    expect((await notified(id, NOW + HOUR_MS)).breach).toMatchObject({
      notifiedAt: new Date(NOW + HOUR_MS).toISOString(),
      notifiedBy: 'Ann',
    });
    house.clock.advance(48 * HOUR_MS);
    await house.runClock();
    expect((await heard()).filter((type) => type.startsWith('breach_'))).toEqual([
      'breach_flagged',
      'breach_reminded',
      'breach_notified',
    ]);
    await expect(notified(id)).rejects.toMatchObject({ code: 'conflict' });
    await expect(house.audited((tx) => house.breaches.withdraw(tx, house.act(id, 'no')))).rejects.toMatchObject({
      code: 'conflict',
    });
  });

  it('end when the flag is withdrawn, with the reasoning kept', async () => {
    const heard = await aHook();
    const id = await open();
    await flag(id);
    const withdrawn = await house.audited((tx) => house.breaches.withdraw(tx, house.act(id, 'the disk was encrypted')));
    expect(withdrawn.breach).toBeNull();
    house.clock.advance(80 * HOUR_MS);
    await house.runClock();
    expect((await heard()).slice(2)).toEqual([]);
    const { timeline } = await house.timeline(id);
    expect(timeline.at(-1)).toMatchObject({ kind: 'breach_withdrawn', note: 'the disk was encrypted' });
  });

  it('of one that cannot be reminded of keep nobody else waiting, and are tried again', async () => {
    const hook = await house.aHook();
    closing.push(hook.close);
    const reminded = async () =>
      (await hook.heard()).flatMap(({ type, data }) => (type === 'incident.breach_reminded' ? [data.incident.id] : []));
    const [failing, other] = [await open(), await open()];
    await flag(failing, NOW - HOUR_MS);
    await flag(other);
    await house.db.admin.query(
      `create function refuse() returns trigger language plpgsql as $$ begin raise exception 'no room'; end $$;
       create trigger refuse before insert on incident_entries for each row
         when (new.kind = 'breach_reminded' and new.incident_id = '${failing}') execute function refuse()`,
    );
    house.clock.advance(48 * HOUR_MS);
    await expect(house.runClock()).rejects.toThrow('breaches could not be reminded of');
    expect(await reminded()).toEqual([other]);
    await house.db.admin.query('drop function refuse cascade');
    await house.runClock();
    expect(await reminded()).toEqual([other, failing]);
  });

  it('of the instance remind the organisation that runs it', async () => {
    const olga = await aUser(house.db, house.operator, 'Olga');
    const heard = await aHook(olga);
    const elsewhere = await aHook();
    await house.answer(house.aDetection({ organisationId: null }));
    const id = (await house.incidents(olga))[0]?.id ?? '';
    await house.audited((tx) => house.breaches.flag(tx, house.act(id, undefined, olga), undefined), olga);
    house.clock.advance(48 * HOUR_MS);
    await house.runClock();
    expect(await heard()).toEqual(['opened', 'breach_flagged', 'breach_reminded']);
    expect(await elsewhere()).toEqual([]);
  });
});

describe('who is told', () => {
  it('of what is grave enough for the channel: high and critical count as critical, medium as warning, low as info', async () => {
    const grave = await aHook(house.place.ann, 'critical');
    const all = await aHook(house.place.ann, 'info');
    await house.answer(house.aDetection({ severity: 'low' }));
    expect(await all()).toEqual(['opened']);
    expect(await grave()).toEqual([]);
    house.clock.advance(MINUTE_MS);
    await house.answer(house.aDetection({ severity: 'medium' }));
    expect(await grave()).toEqual([]);
    house.clock.advance(MINUTE_MS);
    await house.answer(house.aDetection({ severity: 'high' }));
    expect(await grave()).toEqual(['severity_raised']);
    expect(await all()).toEqual(['opened', 'severity_raised', 'severity_raised']);
    // A breach is for everybody.
    const id = await open('low');
    await flag(id);
    expect(await grave()).toEqual(['severity_raised', 'breach_flagged']);
  });

  it('stands in the timeline; a detection that only joins tells nobody', async () => {
    const heard = await aHook();
    await house.answer(house.aDetection());
    await house.answer(house.aDetection());
    expect(await heard()).toEqual(['opened']);
    const { timeline } = await house.timeline((await house.incidents())[0]?.id ?? '');
    expect(timeline.filter(({ kind }) => kind === 'told').map(({ note }) => note)).toEqual(['opened: to Ops']);
  });
});
