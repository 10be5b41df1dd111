import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { aDatabase, type TestDatabase } from '../../../../tests/support/database.ts';
import { aShield } from '../../../../tests/support/shield.ts';
import { type Clock, manualClock, systemClock } from '../../lib/clock.ts';
import { newId } from '../../lib/ids.ts';
import { createLeadership } from '../../platform/db/leadership.ts';
import { type Notices, openNotices } from '../../platform/db/notices.ts';
import { createLogger } from '../../platform/log/log.ts';
import { createTransactions } from '../audit/transactions.ts';
import { reportOfAudit } from '../events/audit-reports.ts';
import { completeEvent } from '../events/complete-event.ts';
import { appendSecurityEvents } from '../events/security-event.repository.ts';
import type { SecurityEvent, SecurityReport } from '../events/security-event.ts';
import type { Detection } from './detection.ts';
import { createDetector, type Detector } from './detector.ts';

let database: TestDatabase;
let notices: Notices;
const log = createLogger({ level: 'fatal', clock: systemClock });
const running: Detector[] = [];
let locks = 900_000;

beforeAll(async () => {
  database = await aDatabase();
  notices = await openNotices(database.connection('server'), database.server, log);
});
afterEach(async () => {
  for (const detector of running.splice(0)) await detector.stop();
  await database.admin.query('delete from detections; delete from security_events; delete from detection_scenarios');
});
afterAll(async () => {
  await notices.close();
  await database.drop();
});

const eventually = <T>(look: () => T | Promise<T>, { withinMs = 3_000 } = {}): Promise<T> =>
  vi.waitFor(look, { timeout: withinMs, interval: 10 });

const transactions = () => createTransactions(database);

async function happened(report: Partial<SecurityReport>, times = 1, at = new Date()): Promise<void> {
  const events = Array.from({ length: times }, () =>
    completeEvent({ action: 'path.unknown', outcome: 'failure', transport: 'http', ...report }, newId(), at),
  );
  await transactions().unaudited(null, 'security_events', (tx) => appendSecurityEvents(tx, events));
  await notices.publish('security_events', {});
}
const jump = { action: 'clock.jumped', transport: 'system' } as const;

interface Options {
  lock?: number;
  answer?: (detection: Detection) => Promise<void>;
  /** Asked for before the other. */
  firstAnswer?: (detection: Detection) => Promise<void>;
  clock?: Clock;
}
function aDetector({ lock = ++locks, answer, firstAnswer, clock = systemClock }: Options = {}) {
  const announced: SecurityEvent[] = [];
  const answered: Detection[] = [];
  const detector = createDetector({
    transactions: transactions(),
    leadership: createLeadership(database.connection('maintenance'), lock),
    notices,
    announce: (event) => announced.push(event),
    clock,
    log,
  });
  if (firstAnswer) detector.answerWith(firstAnswer);
  detector.answerWith(
    answer ??
      (async (detection) => {
        answered.push(detection);
      }),
  );
  running.push(detector);
  detector.start();
  return { detector, announced, answered };
}
const raised = async () => (await database.admin.query('select * from detections order by at, id')).rows;

describe('from the table to the answer', () => {
  test('within 200 ms of the commit, with name, subject, evidence and response', async () => {
    const { announced, answered } = aDetector();
    await happened(jump);
    await eventually(() => expect(answered).toHaveLength(1));
    const before = performance.now();
    for (let n = 0; n < 20; n += 1)
      await happened({ address: '203.0.113.9', http: { method: 'GET', route: `/x${n}`, status: 404 } });
    const sent = performance.now();
    await eventually(() => expect(answered).toHaveLength(2));
    expect(performance.now() - sent).toBeLessThan(200 + (sent - before));
    expect(answered[1]).toMatchObject({
      scenario: 'scanning',
      name: 'Scanning',
      technique: 'T1595.003',
      organisationId: null,
      subject: { scope: 'ip', value: '203.0.113.9' },
      count: 20,
      response: { decision: 'ban', opensIncident: true },
      simulated: false,
    });
    expect(answered[1]?.events).toHaveLength(20);
    expect(announced[1]).toMatchObject({
      id: answered[1]?.id,
      action: 'detection.raised',
      reason: 'scanning',
      level: 'warning',
      address: '203.0.113.9',
    });
    await eventually(async () => expect((await raised()).every((row) => row.answered_at !== null)).toBe(true));
  });

  test('an IPv6 address stands for its network', async () => {
    const { answered } = aDetector();
    await happened({ action: 'request.blocked', address: '2001:db8:1:2:3::4' }, 2);
    await happened({ action: 'request.blocked', address: '2001:db8:1:2:ffff::1' });
    await eventually(() => expect(answered).toHaveLength(1));
    expect(answered[0]?.subject).toEqual({ scope: 'ip', value: '2001:db8:1:2::/64' });
  });

  test('brute force takes the failed attempts before the block as its evidence', async () => {
    const { answered } = aDetector();
    await happened({ action: 'session.refused', address: '203.0.113.8', reason: 'same' }, 5);
    await happened({ action: 'session.refused', address: '203.0.113.77' }, 1);
    await happened({ action: 'block.created', outcome: 'success', address: '203.0.113.8', details: { failures: 5 } });
    await eventually(() => expect(answered).toHaveLength(1));
    expect(answered[0]).toMatchObject({ scenario: 'brute-force', count: 1 });
    expect(answered[0]?.events).toHaveLength(6);
  });

  test.each([
    ['one address', () => '203.0.113.44', '203.0.113.44'],
    ['one IPv6 network', (n: number) => `2001:db8:5:6:${n}::1`, '2001:db8:5:6::/64'],
  ])('guessing from %s is told from what the sign-in defence did, with the address', async (_of, from, subject) => {
    const { answered } = aDetector();
    const reports: SecurityReport[] = [];
    const shield = await aShield(database, manualClock(Date.now()), [], (entry) => {
      const report = reportOfAudit(entry);
      if (report) reports.push(report);
    });
    for (let n = 0; n < 10; n += 1)
      await shield.guess({ address: from(n), account: `person-${n}-${subject}@example.org` });
    await shield.close();
    expect(reports.map(({ action }) => action)).toEqual(['block.created', 'address.suspicious']);
    for (const report of reports) await happened(report);
    await eventually(() => expect(answered).toHaveLength(2));
    expect(answered.map(({ scenario, subject }) => [scenario, subject.value])).toEqual([
      ['brute-force', subject],
      ['persistent-guessing', subject],
    ]);
    const { rows } = await database.admin.query(
      'select action from security_events where source_address <<= $1 order by position',
      [subject],
    );
    expect(rows.map(({ action }) => action)).toEqual(expect.arrayContaining(['block.created', 'detection.raised']));
  });

  test('in simulation it is shown as such', async () => {
    await database.admin.query(`
      with operator as (insert into organisations (public_id, name) values (gen_random_uuid(), 'Operator') returning id)
      insert into detection_scenarios select id, 'clock-jump', true, now(), 'test' from operator`);
    const { answered } = aDetector();
    await happened(jump);
    await eventually(() => expect(answered).toMatchObject([{ scenario: 'clock-jump', simulated: true }]));
  });

  test('what is detected already is not raised again until its cooldown is over', async () => {
    const { answered } = aDetector();
    await happened(jump, 3);
    await happened(jump);
    await eventually(() => expect(answered).toHaveLength(1));
    await delay(100);
    expect(await raised()).toHaveLength(1);
  });

  test('a time to come ends no window', async () => {
    const { answered } = aDetector();
    await happened({ action: 'request.blocked', address: '203.0.113.6' }, 2);
    await happened({ action: 'request.blocked', address: '203.0.113.5' }, 1, new Date(Date.now() + 86_400_000));
    await happened({ action: 'request.blocked', address: '203.0.113.6' });
    await eventually(() => expect(answered).toMatchObject([{ subject: { value: '203.0.113.6' } }]));
  });
});

test('what tells of a detection stands beside it, whatever dies before anybody has answered', async () => {
  aDetector({ answer: () => Promise.reject(new Error('dies')) });
  await happened(jump);
  const both = await eventually(async () => {
    const { rows } = await database.admin.query(
      'select d.id, e.action, e.reason, e.details, e.xmin = d.xmin as together from detections d left join security_events e on e.id = d.id',
    );
    expect(rows).toHaveLength(1);
    return rows;
  });
  expect(both).toMatchObject([
    { action: 'detection.raised', reason: 'clock-jump', together: true, details: { detectionId: both[0].id } },
  ]);
});

test('no event is counted twice where positions gain a digit, by who goes on nor by who takes over', async () => {
  const lock = ++locks;
  const { rows } = await database.admin.query<{ last: string }>(
    `select greatest((select position from detection_progress), nextval(pg_get_serial_sequence('security_events', 'position'))) as last`,
  );
  const power = 10 ** String(rows[0]?.last).length;
  await database.admin.query(`select setval(pg_get_serial_sequence('security_events', 'position'), $1)`, [power - 2]);
  const first = aDetector({ lock });
  await happened({ action: 'request.blocked', address: '203.0.113.60' }, 2);
  await happened(jump);
  const behind =
    'select count(*)::int as n from security_events where position > (select position from detection_progress)';
  await eventually(() => expect(first.answered).toMatchObject([{ scenario: 'clock-jump' }]));
  await eventually(async () => expect((await database.admin.query(behind)).rows).toEqual([{ n: 0 }]));
  expect(await raised()).toHaveLength(1);
  await first.detector.stop();
  const next = aDetector({ lock });
  await happened({ action: 'request.blocked', address: '203.0.113.60' });
  await eventually(() => expect(next.answered).toMatchObject([{ subject: { value: '203.0.113.60' }, count: 3 }]));
  expect(await raised()).toHaveLength(2);
});

describe('answers', () => {
  test('are asked for again until they stand, and hold up no other', async () => {
    let fails = 2;
    const asked: string[] = [];
    aDetector({
      async answer({ scenario }) {
        asked.push(scenario);
        if (scenario === 'clock-jump' && fails-- > 0) throw new Error('not now');
      },
    });
    await happened(jump);
    await happened({ action: 'audit.tampered', transport: 'system' });
    await eventually(
      async () => expect((await raised()).map((row) => row.answered_at !== null)).toEqual([true, true]),
      { withinMs: 8_000 },
    );
    expect(asked).toEqual(['clock-jump', 'evidence-tampering', 'clock-jump', 'clock-jump']);
  });

  test('one that fails keeps the next from nothing', async () => {
    const { answered } = aDetector({ firstAnswer: () => Promise.reject(new Error('no block can be made')) });
    await happened(jump);
    await eventually(() => expect(answered).toMatchObject([{ scenario: 'clock-jump' }]));
    expect(await raised()).toMatchObject([{ answered_at: null }]);
  });

  test('a row of old ones that cannot be given does not hold up what is raised now', async () => {
    await database.admin.query(`
      insert into detections (id, at, scenario, severity, scope, subject, first_at, last_at, count, events)
      select gen_random_uuid(), now() - interval '1 day', 'gone', 'low', 'ip', '192.0.2.1', now(), now(), 1, '{}'
      from generate_series(1, 250)`);
    let failed = 0;
    const answered: string[] = [];
    aDetector({
      async answer({ scenario }) {
        if (scenario !== 'gone') answered.push(scenario);
        else {
          failed += 1;
          // Each costs time as well.
          await delay(20);
          throw new Error('not now');
        }
      },
    });
    await eventually(() => expect(failed).toBeGreaterThan(3));
    await happened(jump);
    await eventually(() => expect(answered).toEqual(['clock-jump']), { withinMs: 1_500 });
    expect(failed).toBeLessThan(100);
  });

  test('that were not given before the server died are given by the next one', async () => {
    const lock = ++locks;
    const first = aDetector({ lock, answer: () => Promise.reject(new Error('dies')) });
    await happened(jump);
    await eventually(async () => expect(await raised()).toHaveLength(1));
    await eventually(() => expect(first.announced).toHaveLength(1));
    await first.detector.stop();
    const next = aDetector({ lock });
    await eventually(() => expect(next.answered).toMatchObject([{ scenario: 'clock-jump' }]));
    expect(next.announced[0]?.id).toBe(first.announced[0]?.id);
  });
});

describe('one at a time', () => {
  test('of three servers one detects; when it dies another goes on where it was, in the middle of a count', async () => {
    const lock = ++locks;
    const three = [aDetector({ lock }), aDetector({ lock }), aDetector({ lock })];
    await happened({ action: 'request.blocked', address: '203.0.113.20' }, 2);
    await delay(200);
    // As kill −9 does it: its session ends without a word, and what it counted is gone with it.
    const { rows } = await database.admin.query(
      "select pid from pg_locks where locktype = 'advisory' and objid = $1 and granted",
      [lock],
    );
    expect(rows).toHaveLength(1);
    await three[0]?.detector.stop();
    await happened({ action: 'request.blocked', address: '203.0.113.20' });
    const all = () => three.flatMap(({ answered }) => answered);
    await eventually(() => expect(all()).toHaveLength(1), { withinMs: 5_000 });
    await delay(300);
    expect(await raised()).toMatchObject([{ scenario: 'injection-probing', count: 3 }]);
    expect(all()).toHaveLength(1);
  });

  test('its session is ended under it: nothing is lost or raised twice', async () => {
    const lock = ++locks;
    const both = [aDetector({ lock }), aDetector({ lock })];
    for (let round = 0; round < 10; round += 1) {
      await happened({ action: 'request.blocked', address: `203.0.113.${30 + round}` }, 2);
      await database.admin.query(
        "select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory' and objid = $1 and granted",
        [lock],
      );
      await happened({ action: 'request.blocked', address: `203.0.113.${30 + round}` });
    }
    await eventually(async () => expect(await raised()).toHaveLength(10), { withinMs: 8_000 });
    await eventually(() => expect(both.flatMap(({ answered }) => answered).length).toBeGreaterThanOrEqual(10));
    await delay(500);
    const rows = await raised();
    expect(rows.map(({ count }) => count)).toEqual(Array.from({ length: 10 }, () => 3));
  });

  test('what was raised before a restart is not raised again from the events that are read again', async () => {
    const lock = ++locks;
    const first = aDetector({ lock });
    await happened({ action: 'request.blocked', address: '203.0.113.50' }, 3);
    await eventually(() => expect(first.answered).toHaveLength(1));
    await first.detector.stop();
    const next = aDetector({ lock });
    await happened({ action: 'request.blocked', address: '203.0.113.50' }, 3);
    await happened(jump);
    await eventually(() => expect(next.answered.map(({ scenario }) => scenario)).toEqual(['clock-jump']));
  });

  test('a restart makes nothing silent for longer than it was', async () => {
    const userId = 'person';
    const wrongFactor = {
      action: 'session.refused',
      user: { id: userId, label: null },
      details: { factor: 'totp' },
    } as const;
    const minutesAgo = (minutes: number) => new Date(Date.now() - minutes * 60_000);
    // Raised 61 minutes ago, so silent until a minute ago; what was tried meanwhile counts for nothing, in no server.
    await database.admin.query(
      `insert into detections (id, at, scenario, severity, scope, subject, first_at, last_at, count, events, answered_at)
       values (gen_random_uuid(), $1, 'second-factor-guessing', 'high', 'user', $2, $1, $1, 4, '{}', $1)`,
      [minutesAgo(61), userId],
    );
    for (const minutes of [59, 58, 57, 56, 3]) await happened(wrongFactor, 1, minutesAgo(minutes));
    await database.admin.query('update detection_progress set position = (select max(position) from security_events)');
    const { answered } = aDetector();
    await happened(wrongFactor, 3);
    await happened(jump);
    await eventually(() => expect(answered.map(({ scenario }) => scenario)).toEqual(['clock-jump']));
    await happened(wrongFactor);
    await eventually(() => expect(answered).toHaveLength(2));
    expect(answered[1]).toMatchObject({ scenario: 'second-factor-guessing', count: 4 });
  });

  test('a conclusion that could not be written is drawn again', async () => {
    await database.admin.query('revoke insert on detections from valtronics_maintenance');
    const { answered } = aDetector();
    try {
      await happened(jump);
      await delay(300);
      expect(answered).toEqual([]);
    } finally {
      await database.admin.query('grant insert on detections to valtronics_maintenance');
    }
    await eventually(() => expect(answered).toHaveLength(1), { withinMs: 5_000 });
  });
});
