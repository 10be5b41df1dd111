import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { anOrganisation } from '../../../../tests/support/alert-fixtures.ts';
import { evaluationUnderTest } from './alert-evaluation.builders.ts';

let house: Awaited<ReturnType<typeof evaluationUnderTest>>;
beforeAll(async () => {
  house = await evaluationUnderTest();
});
afterAll(() => house?.drop());
beforeEach(() => house.begin());

describe('several servers', () => {
  it('one that was overtaken finds out instead of raising a second alert', async () => {
    await house.makeRule({ forSeconds: 10 });
    await house.send([0, 9]);
    const first = house.running();
    house.restart();
    await house.send([5, 9]);
    house.use(first);
    await expect(house.send([6, 9])).rejects.toThrow('another server');
    await house.send([6, 9], [10, 9]);
    house.restart();
    await house.send([11, 12]);
    house.use(first);
    await expect(house.send([12, 7], [13, 9], [23, 9])).rejects.toThrow('another server');
    await house.send([12, 7], [13, 9], [23, 9]);
    expect(await house.stored()).toMatchObject([{ status: 'resolved', peak: 12 }, { status: 'active' }]);
  });
});

describe('people and rules', () => {
  it('an alert resolved by hand stays resolved until the condition has cleared once', async () => {
    await house.makeRule();
    await house.send([0, 9]);
    const [alert] = await house.stored();
    await house.resolve(alert?.id ?? '', 'door closed');
    await house.send([1, 10], [2, 11]);
    expect(await house.stored()).toHaveLength(1);
    await house.send([3, 7], [4, 9]);
    expect((await house.stored()).map(({ status }) => status)).toEqual(['resolved', 'active']);
    expect(await house.history(alert?.id ?? '')).toEqual(['raised', 'resolved']);
  });
});

describe('races', () => {
  it('a rule changed while it raises leaves no alert open', async () => {
    for (let round = 0; round < 5; round += 1) {
      const { id } = await house.makeRule({ name: `round ${round}` });
      const change = house.changeRule(id, { threshold: 50 });
      await Promise.all([change, house.send([round * 10, 5], [round * 10 + 1, 9])]);
      await house.send([round * 10 + 2, 10]);
      expect((await house.stored()).filter(({ status }) => status !== 'resolved')).toEqual([]);
      await house.removeRule(id);
    }
  });

  it('an unknown rule id is the same as a missing one, also of another organisation', async () => {
    const { id } = await house.makeRule();
    const stranger = await anOrganisation(house.db);
    await expect(house.getRule(stranger, id)).rejects.toMatchObject({
      code: 'not_found',
    });
    await expect(house.getRule(stranger, randomUUID())).rejects.toMatchObject({
      code: 'not_found',
    });
  });
});
