import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { aUser } from '../../../../tests/support/alert-fixtures.ts';
import { BOUNDS } from './detection-answer.ts';
import { HOUR_MS, incidentsUnderTest, MINUTE_MS } from './incidents.builders.ts';

let house: Awaited<ReturnType<typeof incidentsUnderTest>>;
beforeAll(async () => {
  house = await incidentsUnderTest();
});
afterAll(() => house?.drop());
beforeEach(() => house.begin());

const ip = (value: string) => ({ scope: 'ip', value }) as const;

describe('a detection', () => {
  it('opens an incident that says what, about whom, how grave and since when', async () => {
    const detection = house.aDetection({ severity: 'high' });
    await house.answer(detection);
    const [incident] = await house.incidents();
    expect(incident).toMatchObject({
      scope: 'organisation',
      title: 'Password guessing from 203.0.113.7',
      severity: 'high',
      status: 'open',
      subject: { scope: 'ip', value: '203.0.113.7' },
      openedBy: null,
      firstAt: detection.firstAt.toISOString(),
      lastAt: detection.lastAt.toISOString(),
      detections: 1,
      events: 5,
    });
    const { timeline } = await house.timeline(incident?.id ?? '');
    expect(timeline.map(({ kind, name }) => [kind, name])).toEqual([
      ['detection', 'Password guessing'],
      ['opened', null],
    ]);
    expect(await house.auditedEvents(incident?.id ?? '')).toEqual(['incident.detection_added']);
    expect(house.reports).toMatchObject([
      { action: 'incident.opened', level: 'error', organisationId: house.place.organisation, address: '203.0.113.7' },
    ]);
  });

  it('opens nothing while its scenario is tried out, or where the scenario asks for none', async () => {
    await house.answer(house.aDetection({ simulated: true }));
    await house.answer(house.aDetection({ response: { decision: 'block', opensIncident: false } }));
    expect(await house.incidents()).toEqual([]);
  });

  it('counts once, however often it is answered', async () => {
    const detection = house.aDetection();
    await house.answer(detection);
    await house.answer(detection);
    expect(await house.incidents()).toMatchObject([{ detections: 1, events: 5 }]);
    // Also when two servers believe to be the one that answers.
    const other = house.aDetection({ subject: ip('203.0.113.9'), technique: 'T1078' });
    const answers = await house.atOnce(...Array.from({ length: 3 }, () => () => house.answer(other)));
    expect(answers.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'fulfilled']);
    expect((await house.incidents())[0]).toMatchObject({ detections: 1, events: 5 });
    expect(house.reports).toHaveLength(2);
  });

  it('two at once about the same become one incident', async () => {
    await house.atOnce(...Array.from({ length: 4 }, () => () => house.answer(house.aDetection())));
    expect(await house.incidents()).toMatchObject([{ detections: 4, events: 20 }]);
  });
});

describe('what belongs together', () => {
  it('about the same subject joins, of whatever kind, within a day of when it was last seen', async () => {
    await house.answer(house.aDetection());
    house.clock.advance(BOUNDS.subjectMs);
    await house.answer(
      house.aDetection({ scenario: 'injection-probing', technique: 'T1190', firstAt: house.clock.date() }),
    );
    expect(await house.incidents()).toMatchObject([{ detections: 2 }]);
    house.clock.advance(BOUNDS.subjectMs + 1);
    await house.answer(house.aDetection({ scenario: 'scan', technique: 'T1595', firstAt: house.clock.date() }));
    expect(await house.incidents()).toMatchObject([{ detections: 1 }, { detections: 2 }]);
  });

  it('of the same kind joins while the times overlap, give or take half an hour', async () => {
    await house.answer(house.aDetection());
    house.clock.advance(BOUNDS.familyMs);
    const spray = { scenario: 'password-spraying', technique: 'T1110.003', firstAt: house.clock.date() };
    await house.answer(house.aDetection({ ...spray, subject: ip('198.51.100.1') }));
    expect(await house.incidents()).toMatchObject([{ detections: 2 }]);
    house.clock.advance(BOUNDS.familyMs + 1);
    await house.answer(house.aDetection({ ...spray, firstAt: house.clock.date(), subject: ip('198.51.100.2') }));
    expect(await house.incidents()).toMatchObject([{ detections: 1 }, { detections: 2 }]);
  });

  it.each(['acknowledged', 'given to somebody'])(
    'of the same kind about others is another incident, and told, once the first is %s',
    async (how) => {
      const hook = await house.aHook();
      const about = (value: string) =>
        house.aDetection({ severity: 'high', technique: 'T1110.003', subject: ip(value) });
      await house.answer(house.aDetection({ severity: 'high', subject: ip('198.51.100.1') }));
      const id = (await house.incidents())[0]?.id ?? '';
      const { service, place } = house;
      await house.audited((tx) =>
        how === 'acknowledged'
          ? service.acknowledge(tx, house.act(id))
          : service.assign(tx, house.act(id), place.ben.userId),
      );
      house.clock.advance(MINUTE_MS);
      // About the same it joins still.
      for (const address of ['198.51.100.2', '198.51.100.3', '198.51.100.1']) await house.answer(about(address));
      const [second, first] = await house.incidents();
      expect(first).toMatchObject({ id, detections: 2 });
      expect(second).toMatchObject({ status: 'open', detections: 2, subject: ip('198.51.100.2') });
      const heard = (await hook.heard()).map(({ type, data }) => [type, data.incident.id]);
      hook.close();
      expect(heard).toEqual([
        ['incident.opened', id],
        ['incident.opened', second?.id],
      ]);
    },
  );

  it('another subject and another kind is another incident', async () => {
    await house.answer(house.aDetection());
    await house.answer(house.aDetection({ subject: ip('198.51.100.1'), technique: 'T1190' }));
    expect(await house.incidents()).toHaveLength(2);
  });

  it('"the instance" is no subject that two things share', async () => {
    const subject = { scope: 'instance', value: 'instance' } as const;
    await house.answer(house.aDetection({ subject, scenario: 'clock-jump', technique: null }));
    await house.answer(house.aDetection({ subject, scenario: 'audit-tampering', technique: 'T1565' }));
    expect(await house.incidents()).toHaveLength(2);
    await house.answer(house.aDetection({ subject, scenario: 'clock-jump', technique: null }));
    expect((await house.incidents()).map(({ detections }) => detections).sort()).toEqual([1, 2]);
  });

  it('raises the severity, never lowers it', async () => {
    await house.answer(house.aDetection({ severity: 'medium' }));
    await house.answer(house.aDetection({ severity: 'critical' }));
    await house.answer(house.aDetection({ severity: 'low' }));
    const [incident] = await house.incidents();
    expect(incident).toMatchObject({ severity: 'critical', detections: 3 });
    const { timeline } = await house.timeline(incident?.id ?? '');
    expect(timeline.filter(({ kind }) => kind === 'severity').map(({ note }) => note)).toEqual(['medium → critical']);
  });

  it('never joins what is resolved, nor what belongs to others', async () => {
    await house.answer(house.aDetection());
    const [first] = await house.incidents();
    await house.audited((tx) => house.service.resolve(tx, house.act(first?.id ?? '', 'blocked and gone')));
    await house.answer(house.aDetection());
    await house.answer(house.aDetection({ organisationId: house.operator }));
    await house.answer(house.aDetection({ organisationId: null }));
    expect((await house.incidents()).map(({ status }) => status)).toEqual(['open', 'resolved']);
  });

  it('an incident takes so many detections and gets so old, then the next begins', async () => {
    await house.answer(house.aDetection());
    await house.db.admin.query('update incidents set detections = $1', [BOUNDS.maxDetections]);
    await house.answer(house.aDetection());
    expect(await house.incidents()).toHaveLength(2);
    house.clock.advance(BOUNDS.maxAgeMs);
    await house.db.admin.query('update incidents set last_at = $1', [house.clock.date()]);
    await house.answer(house.aDetection());
    expect(await house.incidents()).toHaveLength(3);
  });

  it('what is contained and goes on is not contained', async () => {
    await house.answer(house.aDetection());
    const id = (await house.incidents())[0]?.id ?? '';
    house.clock.advance(MINUTE_MS);
    await house.audited((tx) => house.service.contain(tx, house.act(id)));
    // What was seen before it was contained says nothing about that.
    await house.answer(house.aDetection({ lastAt: new Date(house.clock.now() - 1000) }));
    expect(await house.incidents()).toMatchObject([{ status: 'contained' }]);
    house.clock.advance(HOUR_MS);
    await house.answer(house.aDetection());
    expect(await house.incidents()).toMatchObject([{ status: 'acknowledged', containedAt: null, detections: 3 }]);
  });
});

describe('incidents of the instance', () => {
  it('are seen and dealt with by the organisation that runs it, and by no other', async () => {
    await house.answer(house.aDetection({ organisationId: null }));
    const owner = await aUser(house.db, house.operator, 'Olga');
    await house.seal();
    const [incident] = await house.incidents(owner);
    expect(incident).toMatchObject({ scope: 'instance', detections: 1 });
    expect(await house.incidents()).toEqual([]);
    const id = incident?.id ?? '';
    await expect(house.audited((tx) => house.service.acknowledge(tx, house.act(id)))).rejects.toMatchObject({
      code: 'not_found',
    });
    await house.audited((tx) => house.service.acknowledge(tx, house.act(id, undefined, owner)), owner);
    expect(await house.incidents(owner)).toMatchObject([{ status: 'acknowledged', owner: { label: 'Olga' } }]);
    expect((await house.timeline(id)).timeline).toEqual([]);
    expect((await house.timeline(id, house.operator)).timeline).toHaveLength(3);
  });
});

describe('decisions', () => {
  it('stand in the timeline: what followed from its detections, or was decided by hand about whom it is about, and that it was lifted', async () => {
    const detection = house.aDetection({ organisationId: null });
    await house.answer(detection);
    const olga = await aUser(house.db, house.operator, 'Olga');
    await house.seal();
    const id = (await house.incidents(olga))[0]?.id ?? '';
    const block = (value: string, more: Record<string, unknown> = {}) => {
      const row = { id: randomUUID(), scope: 'ip', value, reason: 'guessing', evidence: {}, ...more };
      const at = house.clock.date();
      const until = new Date(at.getTime() + HOUR_MS);
      const times = { created_at: at, expires_at: until };
      const entries = Object.entries({ ...times, ...row });
      return house.db.admin.query(
        `insert into blocks (${entries.map(([name]) => name).join(', ')})
         values (${entries.map((_, index) => `$${index + 1}`).join(', ')})`,
        entries.map(([, value]) => value),
      );
    };
    await block('198.51.100.77', { detection_id: detection.id, kind: 'ban' });
    await block('203.0.113.7', {
      origin: 'manual',
      created_by: olga.userId,
      created_by_label: 'Olga',
      lifted_at: new Date(house.clock.now() + MINUTE_MS),
      lifted_by: olga.userId,
      lifted_by_label: 'Olga',
    });
    // About somebody else, or tried out only.
    await block('203.0.113.8');
    await block('203.0.113.7', { simulated: true });
    const { timeline } = await house.timeline(id, house.operator);
    expect(
      timeline
        .filter(({ kind }) => kind === 'decision')
        .map(({ name, by, subject }) => [name, by, subject?.value])
        .sort(),
    ).toEqual([
      ['Banned', null, '198.51.100.77'],
      ['Blocked', 'Olga', '203.0.113.7'],
      ['Let in again', 'Olga', '203.0.113.7'],
    ]);
    // Addresses are decided on by whoever runs the instance; others do not see it.
    expect((await house.timeline(id)).timeline).toEqual([]);
  });
});
