import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { aDevice, aFlush, anOrganisation, aSeries } from '../../../../tests/support/alert-fixtures.ts';
import { evaluationUnderTest, NOW, NOW_SECONDS } from './alert-evaluation.builders.ts';

let house: Awaited<ReturnType<typeof evaluationUnderTest>>;
beforeAll(async () => {
  house = await evaluationUnderTest();
});
afterAll(() => house?.drop());
beforeEach(() => house.begin());

describe('a rule on a device', () => {
  it('raises one alert with its values, follows its peak, and clears it', async () => {
    await house.makeRule();
    await house.send([0, 7], [10, 9]);
    await house.send([20, 12], [30, 10]);
    expect(await house.stored()).toMatchObject([{ status: 'active', title: 'Too warm', value: 9, peak: 12 }]);
    await house.send([40, 8]);
    const [alert] = await house.stored();
    expect(alert).toMatchObject({ status: 'resolved', started_at: new Date(NOW + 10_000), peak: 12 });
    expect(await house.history(alert?.id ?? '')).toEqual(['raised', 'cleared']);
    expect(house.told()).toEqual(['raised Freezer 3', 'resolved Freezer 3']);
  });

  it('writes an alert that began and ended within one transaction, with both turns told', async () => {
    await house.makeRule();
    await house.send([0, 9], [1, 11], [2, 7], [3, 10]);
    expect(await house.stored()).toMatchObject([
      { status: 'resolved', value: 9, peak: 11 },
      { status: 'active', value: 10, peak: 10 },
    ]);
    expect(house.announced.map(({ transition, alert }) => `${transition} ${alert.status}`).sort()).toEqual([
      'raised active',
      'raised active',
      'resolved resolved',
    ]);
  });

  it('ends an open alert and raises the next within one transaction', async () => {
    await house.makeRule();
    await house.send([0, 9]);
    await house.send([1, 7], [2, 12]);
    expect(await house.stored()).toMatchObject([
      { status: 'resolved', value: 9 },
      { status: 'active', value: 12 },
    ]);
    expect(house.told()).toEqual(['raised Freezer 3', 'resolved Freezer 3', 'raised Freezer 3']);
  });

  it('takes the points of one transaction in the order of their time', async () => {
    await house.makeRule();
    await house.send([30, 7], [20, 9], [10, 7]);
    expect(await house.stored()).toMatchObject([{ status: 'resolved', value: 9 }]);
  });

  it('is silent about late points, also after a restart', async () => {
    await house.makeRule();
    await house.send([100, 5]);
    await house.send([50, 99]);
    house.restart();
    await house.send([60, 99]);
    expect(await house.stored()).toEqual([]);
  });

  it('goes on after a restart as if nothing had happened', async () => {
    await house.makeRule({ forSeconds: 60, clearThreshold: 6 });
    await house.send([0, 9]);
    house.restart();
    await house.send([60, 9]);
    house.restart();
    await house.send([70, 7]);
    expect(await house.stored()).toMatchObject([{ status: 'active', started_at: new Date(NOW) }]);
    house.restart();
    await house.send([80, 6]);
    expect(await house.stored()).toMatchObject([{ status: 'resolved' }]);
  });

  it('raises nothing twice and loses nothing when the transaction fails and is repeated', async () => {
    await house.makeRule();
    const flush = aFlush(house.place.series, NOW, [NOW_SECONDS, 9], [NOW_SECONDS + 1, 12]);
    const failing = house.transactions.unaudited(null, 'rule_effects', async (tx) => {
      await house.running().apply(tx, [flush]);
      throw new Error('the database went away');
    });
    await expect(failing).rejects.toThrow('went away');
    house.running().rolledBack?.();
    expect(await house.stored()).toEqual([]);
    expect(house.announced).toEqual([]);
    await house.consume(flush);
    expect(await house.stored()).toMatchObject([{ status: 'active', value: 9, peak: 12 }]);
    expect(house.told()).toEqual(['raised Freezer 3']);
  });

  it('passes over strings and counts booleans', async () => {
    await house.makeRule({ condition: 'eq', threshold: 1 });
    await house.send([0, 'on'], [1, true], [2, 'off'], [3, false]);
    expect(await house.stored()).toMatchObject([{ status: 'resolved', value: 1 }]);
  });
});

describe('which devices a rule concerns', () => {
  it('one house.place.device, a type, or the whole fleet of its own organisation', async () => {
    const other = await aDevice(house.db, house.place.organisation, { name: 'Oven', type: 'oven' });
    const otherSeries = await aSeries(house.db, house.place.organisation, other);
    const stranger = await anOrganisation(house.db);
    const strangeSeries = await aSeries(house.db, stranger, await aDevice(house.db, stranger));
    await house.makeRule({ name: 'device', deviceId: house.place.device });
    await house.makeRule({ name: 'type', deviceType: 'oven' });
    await house.makeRule({ name: 'fleet' });
    await house.makeRule({ name: 'other metric', metric: 'humidity' });
    await house.makeRule({ name: 'off', enabled: false });
    const at = [NOW_SECONDS, 9] as const;
    await house.consume(
      aFlush(house.place.series, NOW, at),
      aFlush(otherSeries, NOW, at),
      aFlush(strangeSeries, NOW, at),
    );
    const { rows } = await house.db.admin.query(
      `select a.title, d.name from alerts a join devices d on d.id = a.device_id
       where a.organisation_id = any($1) order by 1, 2`,
      [[house.place.organisation, stranger]],
    );
    expect(rows.map(({ title, name }) => `${title}: ${name}`)).toEqual([
      'device: Freezer 3',
      'fleet: Freezer 3',
      'fleet: Oven',
      'type: Oven',
    ]);
  });

  it('a rule made, changed or removed counts from the next transaction, on every server', async () => {
    await house.send([0, 9]);
    expect(await house.stored()).toEqual([]);
    const { id } = await house.makeRule();
    await house.send([1, 9]);
    expect(await house.stored()).toMatchObject([{ status: 'active' }]);
    const { announcements } = await house.changeRule(id, { threshold: 20 });
    const [alert] = await house.stored();
    expect(alert).toMatchObject({ status: 'resolved' });
    expect(announcements).toMatchObject([{ transition: 'resolved', alert: { id: alert?.id, resolvedBy: null } }]);
    await house.send([2, 10]);
    expect(await house.stored()).toHaveLength(1);
    await house.send([3, 21]);
    await house.removeRule(id);
    await house.send([4, 22]);
    expect((await house.stored()).map(({ status }) => status)).toEqual(['resolved', 'resolved']);
    const detail = await house.transactions.read(house.place.organisation, (reader) =>
      house.alerts.get({ reader, seesHealth: true }, alert?.id ?? ''),
    );
    expect(detail.events).toMatchObject([{ kind: 'raised' }, { kind: 'cleared', note: 'the rule was changed' }]);
  });

  it('a change of the device`s type counts once the evaluation is told of it', async () => {
    await house.makeRule({ deviceType: 'oven' });
    await house.send([0, 9]);
    await house.db.admin.query(`update devices set type = 'oven' where id = $1`, [house.place.device]);
    house.running().invalidateDevice(house.place.device);
    await house.send([1, 9]);
    expect(await house.stored()).toMatchObject([{ status: 'active' }]);
    await house.db.admin.query(`update devices set type = 'freezer' where id = $1`, [house.place.device]);
    house.running().invalidateDevice(house.place.device);
    await house.scanForSilence();
    expect(await house.stored()).toMatchObject([{ status: 'resolved' }]);
  });

  it('a device removed meanwhile is passed over, at the latest when the transaction is repeated', async () => {
    await house.makeRule();
    await house.send([0, 5]);
    await house.db.admin.query('delete from devices where id = $1', [house.place.device]);
    await house.send([1, 9]).catch(() => undefined);
    await house.send([1, 9]);
    house.restart();
    await house.send([2, 9]);
    expect(await house.stored()).toEqual([]);
  });
});
