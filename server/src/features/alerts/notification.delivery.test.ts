import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { anOrganisation } from '../../../../tests/support/alert-fixtures.ts';
import { NOW, notificationsUnderTest } from './notification.builders.ts';
import { retryAfterMs } from './notification.delivery.ts';

const signal = new AbortController().signal;
let house: Awaited<ReturnType<typeof notificationsUnderTest>>;
beforeAll(async () => {
  house = await notificationsUnderTest();
});
afterAll(() => house?.drop());
beforeEach(() => house.begin());
afterEach(() => house.end());

describe('order, fairness and crashes', () => {
  it('of one alert the end is not told before the beginning', async () => {
    const hook = await house.aHook(500, 204);
    await house.aWebhook(hook.url);
    const alert = await house.raise();
    await house.resolve(alert.id);
    const delivery = house.aDelivery();
    await delivery.run(signal);
    expect(hook.received).toHaveLength(1);
    house.clock.advance(5000);
    await delivery.run(signal);
    expect(hook.received.map(({ body }) => JSON.parse(body).type)).toEqual([
      'alert.raised',
      'alert.raised',
      'alert.resolved',
    ]);
  });

  it('a silent target does not hold up the others', async () => {
    const silent = await house.aHook(0);
    const lively = await house.aHook();
    await house.aWebhook(silent.url);
    await house.aWebhook(lively.url);
    for (let number = 0; number < 6; number += 1) await house.raise(`Door ${number} open`);
    const running = house.aDelivery().run(signal);
    const started = Date.now();
    while (lively.received.length < 6 && Date.now() - started < 5000)
      await new Promise((resolve) => setTimeout(resolve, 10));
    expect(lively.received).toHaveLength(6);
    expect(silent.received.length).toBeLessThan(6);
    await running;
  });

  it('what a dead process had claimed is due again when its lease is over', async () => {
    const hook = await house.aHook();
    await house.aWebhook(hook.url);
    await house.raise();
    await house.db.admin.query(
      `update notification_outbox set next_attempt_at = $1, attempts = 1 where organisation_id = $2`,
      [new Date(NOW + 120_000), house.place.organisation],
    );
    await house.aDelivery().run(signal);
    expect(hook.received).toHaveLength(0);
    house.clock.advance(120_000);
    await house.aDelivery().run(signal);
    expect(hook.received).toHaveLength(1);
  });

  it('two servers deliver each notification once', async () => {
    const hook = await house.aHook();
    await house.aWebhook(hook.url);
    for (let number = 0; number < 10; number += 1) await house.raise(`Door ${number} open`);
    await Promise.all([house.aDelivery().run(signal), house.aDelivery().run(signal)]);
    expect(new Set(hook.received.map(({ headers }) => headers['webhook-id'])).size).toBe(10);
    expect(hook.received).toHaveLength(10);
  });

  it('stopping leaves what was under way for the next start', async () => {
    const hook = await house.aHook(0);
    await house.aWebhook(hook.url);
    await house.raise();
    const stopping = new AbortController();
    const running = house.aDelivery().run(stopping.signal);
    while (hook.received.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    stopping.abort();
    await running;
    expect(await house.outbox()).toMatchObject([{ status: 'pending', last_error: null }]);
  });

  it('a waiting time doubles up to an hour, and chance spreads it', () => {
    expect([1, 2, 3, 11, 40].map((attempts) => retryAfterMs(attempts, 1))).toEqual([
      5000, 10_000, 20_000, 3_600_000, 3_600_000,
    ]);
    expect(retryAfterMs(1, 0)).toBe(2500);
  });
});

describe('which channels are told', () => {
  it('only from their severity on, only when switched on, and never those of another organisation', async () => {
    const critical = await house.aHook();
    const off = await house.aHook();
    await house.aWebhook(critical.url, 'critical');
    const { channel } = await house.aWebhook(off.url);
    await house.audited((tx) => house.channels.change(tx, house.place.ann, channel.id, { enabled: false }));
    const strange = await house.aHook();
    await house.db.admin.query(
      `insert into notification_channels (id, organisation_id, name, kind, target, minimum_severity, secret_sealed, created_at)
       values (gen_random_uuid(), $1, 'Strange', 'webhook', $2, 'info', $3, now())`,
      [await anOrganisation(house.db), strange.url, Buffer.from('x')],
    );
    await house.raise('Door open', 'warning');
    await house.raise('Smoke', 'critical');
    await house.aDelivery().run(signal);
    expect(critical.received.map(({ body }) => JSON.parse(body).data.alert.title)).toEqual(['Smoke']);
    expect([off.received, strange.received]).toEqual([[], []]);
  });
});
