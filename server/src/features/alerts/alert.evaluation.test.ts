import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { aDevice, aFlush, anOrganisation, aRule, aSeries, aUser } from '../../../../tests/support/alert-fixtures.ts';
import { aDatabase, type TestDatabase } from '../../../../tests/support/database.ts';
import { manualClock } from '../../lib/clock.ts';
import type { UserPrincipal } from '../../security/access/principal.ts';
import type { AuditContext } from '../../security/audit/audit-event.ts';
import type { AuditedTx } from '../../security/audit/tokens.ts';
import { createTransactions } from '../../security/audit/transactions.ts';
import type { Transactions } from '../../security/audit/transactions.types.ts';
import type { CommittedFlush, SeriesKey } from '../telemetry/committed.ts';
import { type AlertEvaluation, createAlertEvaluation } from './alert.evaluation.ts';
import { createAlertService } from './alert.service.ts';
import type { Announcement } from './alert.ts';
import { createAlertRuleService } from './alert-rule.service.ts';
import { createSilenceScan, type SilenceScan } from './no-data.ts';

const NOW = Date.UTC(2026, 0, 1, 12);
const NOW_SECONDS = NOW / 1000;
const clock = manualClock(NOW);
const rules = createAlertRuleService({ clock });
const alerts = createAlertService({ clock });

let db: TestDatabase;
let transactions: Transactions;
let organisation: number;
let ann: UserPrincipal;
let device: string;
let series: SeriesKey;
let evaluation: AlertEvaluation;
let scan: SilenceScan;
let announced: Announcement[];

beforeAll(async () => {
  db = await aDatabase();
  transactions = createTransactions(db);
});
afterAll(() => db.drop());

beforeEach(async () => {
  clock.set(NOW);
  await db.admin.query('truncate alert_watch');
  organisation = await anOrganisation(db);
  ann = await aUser(db, organisation);
  device = await aDevice(db, organisation);
  series = await aSeries(db, organisation, device);
  announced = [];
  restart();
});

function restart(): void {
  evaluation = createAlertEvaluation({ clock, announce: (told) => announced.push(...told) });
  scan = createSilenceScan(clock);
}

function asAnn<T>(event: 'alert_rule.created' | 'alert.resolved', work: (tx: AuditedTx) => Promise<T>): Promise<T> {
  const actor = { kind: 'user', id: ann.userId, label: ann.email } as const;
  const context: AuditContext = { organisationId: organisation, actor, address: null, requestId: null };
  return transactions.audited(context, event, work);
}

const makeRule = (fields: Parameters<typeof aRule>[0] = {}) =>
  asAnn('alert_rule.created', (tx) => rules.create(tx, ann, aRule(fields)));

/** As telemetry does it: one transaction, then what follows from it. */
async function consume(...flushes: CommittedFlush[]): Promise<void> {
  try {
    await transactions.unaudited(null, 'rule_effects', (tx) => evaluation.apply(tx, flushes));
  } catch (error) {
    evaluation.rolledBack?.();
    throw error;
  }
  evaluation.committed?.(flushes);
}

const send = (...points: [number, number | boolean | string][]): Promise<void> =>
  consume(aFlush(series, clock.now(), ...points.map(([second, value]) => [NOW_SECONDS + second, value] as const)));

async function scanForSilence(): Promise<void> {
  announced.push(...(await transactions.unaudited(null, 'rule_effects', (tx) => scan.run(tx))));
}

/** Time passes with the server looking every two seconds. */
async function wait(seconds: number): Promise<void> {
  for (let passed = 0; passed < seconds; passed += 2) {
    clock.advance(2000);
    await scanForSilence();
  }
}

interface StoredAlert {
  id: string;
  status: string;
  value: number | null;
  peak: number | null;
  title: string;
  started_at: Date;
}
async function stored(): Promise<StoredAlert[]> {
  const { rows } = await db.admin.query<StoredAlert>(
    'select * from alerts where organisation_id = $1 order by started_at, id',
    [organisation],
  );
  return rows;
}
async function history(id: string): Promise<string[]> {
  const { rows } = await db.admin.query<{ kind: string }>(
    'select kind from alert_events where alert_id = $1 order by at, id',
    [id],
  );
  return rows.map(({ kind }) => kind);
}
const told = (): string[] => announced.map(({ transition, alert }) => `${transition} ${alert.deviceName}`);

describe('a rule on a device', () => {
  it('raises one alert with its values, follows its peak, and clears it', async () => {
    await makeRule();
    await send([0, 7], [10, 9]);
    await send([20, 12], [30, 10]);
    expect(await stored()).toMatchObject([{ status: 'active', title: 'Too warm', value: 9, peak: 12 }]);
    await send([40, 8]);
    const [alert] = await stored();
    expect(alert).toMatchObject({ status: 'resolved', started_at: new Date(NOW + 10_000), peak: 12 });
    expect(await history(alert?.id ?? '')).toEqual(['raised', 'cleared']);
    expect(told()).toEqual(['raised Freezer 3', 'resolved Freezer 3']);
  });

  it('writes an alert that began and ended within one transaction, with both turns told', async () => {
    await makeRule();
    await send([0, 9], [1, 11], [2, 7], [3, 10]);
    expect(await stored()).toMatchObject([
      { status: 'resolved', value: 9, peak: 11 },
      { status: 'active', value: 10, peak: 10 },
    ]);
    expect(announced.map(({ transition, alert }) => `${transition} ${alert.status}`).sort()).toEqual([
      'raised active',
      'raised active',
      'resolved resolved',
    ]);
  });

  it('ends an open alert and raises the next within one transaction', async () => {
    await makeRule();
    await send([0, 9]);
    await send([1, 7], [2, 12]);
    expect(await stored()).toMatchObject([
      { status: 'resolved', value: 9 },
      { status: 'active', value: 12 },
    ]);
    expect(told()).toEqual(['raised Freezer 3', 'resolved Freezer 3', 'raised Freezer 3']);
  });

  it('takes the points of one transaction in the order of their time', async () => {
    await makeRule();
    await send([30, 7], [20, 9], [10, 7]);
    expect(await stored()).toMatchObject([{ status: 'resolved', value: 9 }]);
  });

  it('is silent about late points, also after a restart', async () => {
    await makeRule();
    await send([100, 5]);
    await send([50, 99]);
    restart();
    await send([60, 99]);
    expect(await stored()).toEqual([]);
  });

  it('goes on after a restart as if nothing had happened', async () => {
    await makeRule({ forSeconds: 60, clearThreshold: 6 });
    await send([0, 9]);
    restart();
    await send([60, 9]);
    restart();
    await send([70, 7]);
    expect(await stored()).toMatchObject([{ status: 'active', started_at: new Date(NOW) }]);
    restart();
    await send([80, 6]);
    expect(await stored()).toMatchObject([{ status: 'resolved' }]);
  });

  it('raises nothing twice and loses nothing when the transaction fails and is repeated', async () => {
    await makeRule();
    const flush = aFlush(series, NOW, [NOW_SECONDS, 9], [NOW_SECONDS + 1, 12]);
    const failing = transactions.unaudited(null, 'rule_effects', async (tx) => {
      await evaluation.apply(tx, [flush]);
      throw new Error('the database went away');
    });
    await expect(failing).rejects.toThrow('went away');
    evaluation.rolledBack?.();
    expect(await stored()).toEqual([]);
    expect(announced).toEqual([]);
    await consume(flush);
    expect(await stored()).toMatchObject([{ status: 'active', value: 9, peak: 12 }]);
    expect(told()).toEqual(['raised Freezer 3']);
  });

  it('passes over strings and counts booleans', async () => {
    await makeRule({ condition: 'eq', threshold: 1 });
    await send([0, 'on'], [1, true], [2, 'off'], [3, false]);
    expect(await stored()).toMatchObject([{ status: 'resolved', value: 1 }]);
  });
});

describe('which devices a rule concerns', () => {
  it('one device, a type, or the whole fleet of its own organisation', async () => {
    const other = await aDevice(db, organisation, { name: 'Oven', type: 'oven' });
    const otherSeries = await aSeries(db, organisation, other);
    const stranger = await anOrganisation(db);
    const strangeSeries = await aSeries(db, stranger, await aDevice(db, stranger));
    await makeRule({ name: 'device', deviceId: device });
    await makeRule({ name: 'type', deviceType: 'oven' });
    await makeRule({ name: 'fleet' });
    await makeRule({ name: 'other metric', metric: 'humidity' });
    await makeRule({ name: 'off', enabled: false });
    const at = [NOW_SECONDS, 9] as const;
    await consume(aFlush(series, NOW, at), aFlush(otherSeries, NOW, at), aFlush(strangeSeries, NOW, at));
    const { rows } = await db.admin.query(
      `select a.title, d.name from alerts a join devices d on d.id = a.device_id
       where a.organisation_id = any($1) order by 1, 2`,
      [[organisation, stranger]],
    );
    expect(rows.map(({ title, name }) => `${title}: ${name}`)).toEqual([
      'device: Freezer 3',
      'fleet: Freezer 3',
      'fleet: Oven',
      'type: Oven',
    ]);
  });

  it('a rule made, changed or removed counts from the next transaction, on every server', async () => {
    await send([0, 9]);
    expect(await stored()).toEqual([]);
    const { id } = await makeRule();
    await send([1, 9]);
    expect(await stored()).toMatchObject([{ status: 'active' }]);
    const { announcements } = await asAnn('alert_rule.created', (tx) =>
      rules.change(tx, ann, id, aRule({ threshold: 20 })),
    );
    const [alert] = await stored();
    expect(alert).toMatchObject({ status: 'resolved' });
    expect(announcements).toMatchObject([{ transition: 'resolved', alert: { id: alert?.id, resolvedBy: null } }]);
    await send([2, 10]);
    expect(await stored()).toHaveLength(1);
    await send([3, 21]);
    await asAnn('alert_rule.created', (tx) => rules.remove(tx, ann, id));
    await send([4, 22]);
    expect((await stored()).map(({ status }) => status)).toEqual(['resolved', 'resolved']);
    const detail = await transactions.read(organisation, (reader) => alerts.get(reader, alert?.id ?? ''));
    expect(detail.events).toMatchObject([{ kind: 'raised' }, { kind: 'cleared', note: 'the rule was changed' }]);
  });

  it('a change of the device`s type counts once the evaluation is told of it', async () => {
    await makeRule({ deviceType: 'oven' });
    await send([0, 9]);
    await db.admin.query(`update devices set type = 'oven' where id = $1`, [device]);
    evaluation.invalidateDevice(device);
    await send([1, 9]);
    expect(await stored()).toMatchObject([{ status: 'active' }]);
    await db.admin.query(`update devices set type = 'freezer' where id = $1`, [device]);
    evaluation.invalidateDevice(device);
    await scanForSilence();
    expect(await stored()).toMatchObject([{ status: 'resolved' }]);
  });

  it('a device removed meanwhile is passed over, at the latest when the transaction is repeated', async () => {
    await makeRule();
    await send([0, 5]);
    await db.admin.query('delete from devices where id = $1', [device]);
    await send([1, 9]).catch(() => undefined);
    await send([1, 9]);
    restart();
    await send([2, 9]);
    expect(await stored()).toEqual([]);
  });
});

describe('several servers', () => {
  it('one that was overtaken finds out instead of raising a second alert', async () => {
    await makeRule({ forSeconds: 10 });
    await send([0, 9]);
    const first = evaluation;
    restart();
    await send([5, 9]);
    evaluation = first;
    await expect(send([6, 9])).rejects.toThrow('another server');
    await send([6, 9], [10, 9]);
    restart();
    await send([11, 12]);
    evaluation = first;
    await expect(send([12, 7], [13, 9], [23, 9])).rejects.toThrow('another server');
    await send([12, 7], [13, 9], [23, 9]);
    expect(await stored()).toMatchObject([{ status: 'resolved', peak: 12 }, { status: 'active' }]);
  });
});

describe('people and rules', () => {
  it('an alert resolved by hand stays resolved until the condition has cleared once', async () => {
    await makeRule();
    await send([0, 9]);
    const [alert] = await stored();
    await asAnn('alert.resolved', (tx) => alerts.resolve(tx, { by: ann, id: alert?.id ?? '', note: 'door closed' }));
    await send([1, 10], [2, 11]);
    expect(await stored()).toHaveLength(1);
    await send([3, 7], [4, 9]);
    expect((await stored()).map(({ status }) => status)).toEqual(['resolved', 'active']);
    expect(await history(alert?.id ?? '')).toEqual(['raised', 'resolved']);
  });
});

describe('silence', () => {
  it('raises when a device has not been heard for the time, and clears with its next point, however old that is', async () => {
    await makeRule({ condition: 'no_data', threshold: null, forSeconds: 20 });
    await send([0, 5]);
    await wait(20);
    expect(await stored()).toEqual([]);
    await wait(4);
    expect(await stored()).toMatchObject([{ status: 'active', value: null }]);
    await wait(20);
    expect(await stored()).toHaveLength(1);
    await send([-3600, 'late']);
    const [alert] = await stored();
    expect(alert).toMatchObject({ status: 'resolved' });
    expect(await history(alert?.id ?? '')).toEqual(['raised', 'cleared']);
    expect(told()).toEqual(['raised Freezer 3', 'resolved Freezer 3']);
  });

  it('is measured by the wall clock: a device whose own clock is wrong is not silent while it sends', async () => {
    await makeRule({ condition: 'no_data', threshold: null, forSeconds: 20 });
    for (let turn = 0; turn < 6; turn += 1) {
      await send([-86_400 + turn, 5]);
      await wait(10);
    }
    expect(await stored()).toEqual([]);
  });

  it('also concerns devices that sent the metric before the rule was made, and no others', async () => {
    await aDevice(db, organisation, { name: 'Never sent' });
    await makeRule({ condition: 'no_data', threshold: null, forSeconds: 10 });
    await wait(14);
    expect(told()).toEqual(['raised Freezer 3']);
  });

  it('does not count time in which the server was down', async () => {
    await makeRule({ condition: 'no_data', threshold: null, forSeconds: 60 });
    await send([0, 5]);
    await wait(10);
    clock.advance(3_600_000);
    restart();
    await scanForSilence();
    await wait(48);
    expect(await stored()).toEqual([]);
    await wait(10);
    expect(await stored()).toHaveLength(1);
  });

  it('survives a restart between silence and return', async () => {
    await makeRule({ condition: 'no_data', threshold: null, forSeconds: 10 });
    await send([0, 5]);
    await wait(12);
    restart();
    await send([13, 5]);
    expect(await stored()).toMatchObject([{ status: 'resolved' }]);
  });

  it('two scans at once raise one alert', async () => {
    await makeRule({ condition: 'no_data', threshold: null, forSeconds: 10 });
    await send([0, 5]);
    await wait(10);
    clock.advance(2000);
    const another = createSilenceScan(clock);
    await Promise.all([scanForSilence(), transactions.unaudited(null, 'rule_effects', (tx) => another.run(tx))]);
    expect(await stored()).toHaveLength(1);
  });

  it('keeps quiet for the cooldown after it has cleared', async () => {
    await makeRule({ condition: 'no_data', threshold: null, forSeconds: 10, cooldownSeconds: 60 });
    await send([0, 5]);
    await wait(12);
    await send([12, 5]);
    await wait(40);
    expect(await stored()).toHaveLength(1);
    await wait(24);
    expect((await stored()).map(({ status }) => status).sort()).toEqual(['active', 'resolved']);
  });
});

describe('races', () => {
  it('a rule changed while it raises leaves no alert open', async () => {
    for (let round = 0; round < 5; round += 1) {
      const { id } = await makeRule({ name: `round ${round}` });
      const change = asAnn('alert_rule.created', (tx) => rules.change(tx, ann, id, aRule({ threshold: 50 })));
      await Promise.all([change, send([round * 10, 5], [round * 10 + 1, 9])]);
      await send([round * 10 + 2, 10]);
      expect((await stored()).filter(({ status }) => status !== 'resolved')).toEqual([]);
      await asAnn('alert_rule.created', (tx) => rules.remove(tx, ann, id));
    }
  });

  it('an unknown rule id is the same as a missing one, also of another organisation', async () => {
    const { id } = await makeRule();
    const stranger = await anOrganisation(db);
    await expect(transactions.read(stranger, (reader) => rules.get(reader, id))).rejects.toMatchObject({
      code: 'not_found',
    });
    await expect(transactions.read(stranger, (reader) => rules.get(reader, randomUUID()))).rejects.toMatchObject({
      code: 'not_found',
    });
  });
});
