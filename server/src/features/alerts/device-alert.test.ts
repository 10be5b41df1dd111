import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { notificationsUnderTest } from './notification.builders.ts';

const signal = new AbortController().signal;
let house: Awaited<ReturnType<typeof notificationsUnderTest>>;
beforeAll(async () => {
  house = await notificationsUnderTest();
});
afterAll(() => house?.drop());
beforeEach(() => house.begin());
afterEach(() => house.end());

describe('alerts that devices raise', () => {
  it('while one of the same title is open only a graver one says anything new', async () => {
    const hook = await house.aHook();
    await house.aWebhook(hook.url);
    const first = await house.raise('Door open', 'warning');
    await expect(house.raise('Door open', 'info')).rejects.toThrow('nothing was raised');
    const worse = await house.raise('Door open', 'critical');
    expect(worse).toMatchObject({ id: first.id, severity: 'critical' });
    await house.aDelivery().run(signal);
    expect(hook.received.map(({ body }) => JSON.parse(body).data.alert.severity)).toEqual(['warning', 'critical']);
  });

  it('are bounded per device', async () => {
    for (let number = 0; number < 20; number += 1) await house.raise(`Door ${number} open`);
    await expect(house.raise('One more')).rejects.toMatchObject({ code: 'too_many_requests' });
  });

  it('a burst of the same raises one', async () => {
    const results = await Promise.allSettled(Array.from({ length: 8 }, () => house.raise('Door open')));
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  });
});
