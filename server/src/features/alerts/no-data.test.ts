import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { aDevice } from '../../../../tests/support/alert-fixtures.ts';
import { evaluationUnderTest } from './alert-evaluation.builders.ts';
import { createSilenceScan } from './no-data.ts';

let house: Awaited<ReturnType<typeof evaluationUnderTest>>;
beforeAll(async () => {
  house = await evaluationUnderTest();
});
afterAll(() => house?.drop());
beforeEach(() => house.begin());

describe('silence', () => {
  it('raises when a device has not been heard for the time, and clears with its next point, however old that is', async () => {
    await house.makeRule({ condition: 'no_data', threshold: null, forSeconds: 20 });
    await house.send([0, 5]);
    await house.wait(20);
    expect(await house.stored()).toEqual([]);
    await house.wait(4);
    expect(await house.stored()).toMatchObject([{ status: 'active', value: null }]);
    await house.wait(20);
    expect(await house.stored()).toHaveLength(1);
    await house.send([-3600, 'late']);
    const [alert] = await house.stored();
    expect(alert).toMatchObject({ status: 'resolved' });
    expect(await house.history(alert?.id ?? '')).toEqual(['raised', 'cleared']);
    expect(house.told()).toEqual(['raised Freezer 3', 'resolved Freezer 3']);
  });

  it('is measured by the wall clock: a device whose own clock is wrong is not silent while it sends', async () => {
    await house.makeRule({ condition: 'no_data', threshold: null, forSeconds: 20 });
    for (let turn = 0; turn < 6; turn += 1) {
      await house.send([-86_400 + turn, 5]);
      await house.wait(10);
    }
    expect(await house.stored()).toEqual([]);
  });

  it('also concerns devices that sent the metric before the rule was made, and no others', async () => {
    await aDevice(house.db, house.place.organisation, { name: 'Never sent' });
    await house.makeRule({ condition: 'no_data', threshold: null, forSeconds: 10 });
    await house.wait(14);
    expect(house.told()).toEqual(['raised Freezer 3']);
  });

  it('does not count time in which the server was down', async () => {
    await house.makeRule({ condition: 'no_data', threshold: null, forSeconds: 60 });
    await house.send([0, 5]);
    await house.wait(10);
    house.clock.advance(3_600_000);
    house.restart();
    await house.scanForSilence();
    await house.wait(48);
    expect(await house.stored()).toEqual([]);
    await house.wait(10);
    expect(await house.stored()).toHaveLength(1);
  });

  it('survives a restart between silence and return', async () => {
    await house.makeRule({ condition: 'no_data', threshold: null, forSeconds: 10 });
    await house.send([0, 5]);
    await house.wait(12);
    house.restart();
    await house.send([13, 5]);
    expect(await house.stored()).toMatchObject([{ status: 'resolved' }]);
  });

  it('two scans at once raise one alert', async () => {
    await house.makeRule({ condition: 'no_data', threshold: null, forSeconds: 10 });
    await house.send([0, 5]);
    await house.wait(10);
    house.clock.advance(2000);
    const another = createSilenceScan(house);
    await Promise.all([
      house.scanForSilence(),
      house.transactions.unaudited(null, 'rule_effects', (tx) => another.run(tx)),
    ]);
    expect(await house.stored()).toHaveLength(1);
  });

  it('keeps quiet for the cooldown after it has cleared', async () => {
    await house.makeRule({ condition: 'no_data', threshold: null, forSeconds: 10, cooldownSeconds: 60 });
    await house.send([0, 5]);
    await house.wait(12);
    await house.send([12, 5]);
    await house.wait(40);
    expect(await house.stored()).toHaveLength(1);
    await house.wait(24);
    expect((await house.stored()).map(({ status }) => status).sort()).toEqual(['active', 'resolved']);
  });
});
