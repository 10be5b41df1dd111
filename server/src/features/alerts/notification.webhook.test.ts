import { createHmac } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { NOW, notificationsUnderTest } from './notification.builders.ts';
import { targetPlace } from './notification-target.ts';

const signal = new AbortController().signal;
let house: Awaited<ReturnType<typeof notificationsUnderTest>>;
beforeAll(async () => {
  house = await notificationsUnderTest();
});
afterAll(() => house?.drop());
beforeEach(() => house.begin());
afterEach(() => house.end());

describe('webhook', () => {
  it('gets each alert once, signed with the secret that was shown when it was made', async () => {
    const hook = await house.aHook();
    const { channel, secret: shown } = await house.aWebhook(hook.url);
    const alert = await house.raise();
    await house.aDelivery().run(signal);
    await house.aDelivery().run(signal);
    expect(hook.received).toHaveLength(1);
    const { headers, body } = hook.received[0] ?? { headers: {}, body: '' };
    expect(JSON.parse(body)).toMatchObject({
      type: 'alert.raised',
      data: { alert: { id: alert.id, title: 'Door open' } },
    });
    const key = Buffer.from(shown?.replace('whsec_', '') ?? '', 'base64');
    const signed = `${headers['webhook-id']}.${headers['webhook-timestamp']}.${body}`;
    expect(headers['webhook-signature']).toBe(`v1,${createHmac('sha256', key).update(signed).digest('base64')}`);
    expect(headers['webhook-timestamp']).toBe(String(NOW / 1000));
    expect(headers['idempotency-key']).toBe(`${alert.id}:raised:warning:${channel.id}`);
    expect(await house.eventsOf(alert.id)).toEqual(['raised: null', 'notified: raised by webhook to Ops']);
    expect(await house.channelOf(channel.id)).toMatchObject({
      lastDeliveredAt: new Date(NOW).toISOString(),
      lastError: null,
    });
  });

  it('stores the secret sealed and bound to its row', async () => {
    const { channel, secret: shown } = await house.aWebhook((await house.aHook()).url);
    const { rows } = await house.db.admin.query<{ secret_sealed: Buffer }>(
      'select secret_sealed from notification_channels',
    );
    const sealed = rows[0]?.secret_sealed ?? Buffer.alloc(0);
    expect(sealed.includes(Buffer.from(shown ?? ''))).toBe(false);
    const place = {
      organisation: house.place.organisation,
      table: 'notification_channels',
      column: 'secret_sealed',
      row: channel.id,
    };
    expect((await house.dataKeys.open(sealed, place)).toString()).toBe(shown);
    await expect(house.dataKeys.open(sealed, { ...place, row: 'another' })).rejects.toThrow();
  });

  it('stores its address sealed and bound to its row, also when it is changed', async () => {
    const { channel } = await house.aWebhook((await house.aHook()).url);
    const stored = async () =>
      (await house.db.admin.query('select target, target_sealed from notification_channels')).rows[0];
    const first = await stored();
    const url = 'https://hooks.example.com/services/T0/secret';
    await house.audited((tx) => house.channels.change(tx, house.place.ann, channel.id, { target: url }));
    const second = await stored();
    const place = targetPlace(house.place.organisation, channel.id);
    expect([first.target, second.target]).toEqual([null, null]);
    expect((await house.dataKeys.open(first.target_sealed, place)).toString()).toBe(channel.target);
    expect((await house.dataKeys.open(second.target_sealed, place)).toString()).toBe(url);
    await expect(house.dataKeys.open(first.target_sealed, { ...place, row: 'another' })).rejects.toThrow();
    expect(await house.channelOf(channel.id)).toMatchObject({ target: url });
  });

  it('whose address does not open is given another one, or removed', async () => {
    const { channel } = await house.aWebhook((await house.aHook()).url);
    const damage = () =>
      house.db.admin.query(
        'update notification_channels set target_sealed = set_byte(target_sealed, 60, get_byte(target_sealed, 60) # 1) where id = $1',
        [channel.id],
      );
    await damage();
    expect(await house.channelOf(channel.id)).toMatchObject({ target: null });
    const stored = async () =>
      (await house.db.admin.query('select target_sealed from notification_channels where id = $1', [channel.id])).rows;
    const before = await stored();
    const renamed = await house.audited((tx) =>
      house.channels.change(tx, house.place.ann, channel.id, { name: 'Nights' }),
    );
    expect(renamed).toMatchObject({ name: 'Nights', target: null, unreadable: ['target'] });
    expect(await stored()).toEqual(before);
    const { url } = await house.aHook();
    await house.audited((tx) => house.channels.change(tx, house.place.ann, channel.id, { target: url }));
    expect(await house.channelOf(channel.id)).toMatchObject({ target: url });
    await damage();
    await house.audited((tx) => house.channels.remove(tx, channel.id));
    expect((await house.db.admin.query('select from notification_channels')).rows).toEqual([]);
  });

  it('goes where a server of the release before wrote down that it shall', async () => {
    const [hook, { channel }] = [await house.aHook(), await house.aWebhook((await house.aHook()).url)];
    await house.db.admin.query('update notification_channels set target = $1, target_sealed = null where id = $2', [
      hook.url,
      channel.id,
    ]);
    await house.raise();
    await house.aDelivery().run(signal);
    expect(hook.received).toHaveLength(1);
    expect(await house.channelOf(channel.id)).toMatchObject({ target: hook.url });
  });

  it('is tried again after a failure, with the same id and key, and not before its time', async () => {
    const hook = await house.aHook(500, 204);
    const { channel } = await house.aWebhook(hook.url);
    await house.raise();
    const delivery = house.aDelivery();
    await delivery.run(signal);
    expect(await house.outbox()).toEqual([{ status: 'pending', attempts: 1, last_error: 'the target answered 500' }]);
    expect(await house.channelOf(channel.id)).toMatchObject({ lastError: 'the target answered 500' });
    house.clock.advance(4000);
    await delivery.run(signal);
    expect(hook.received).toHaveLength(1);
    house.clock.advance(1000);
    await delivery.run(signal);
    expect(await house.outbox()).toMatchObject([{ status: 'delivered', attempts: 2 }]);
    const [first, second] = hook.received.map(({ headers }) => [headers['webhook-id'], headers['idempotency-key']]);
    expect(second).toEqual(first);
    expect(await house.channelOf(channel.id)).toMatchObject({ lastError: null });
  });

  it('is given up after a day, which the history of the alert says', async () => {
    const hook = await house.aHook(503);
    await house.aWebhook(hook.url);
    const alert = await house.raise();
    const delivery = house.aDelivery();
    for (let tries = 0; tries < 60 && (await house.outbox())[0]?.status === 'pending'; tries += 1) {
      await delivery.run(signal);
      house.clock.advance(3_600_000);
    }
    expect(await house.outbox()).toMatchObject([{ status: 'failed', last_error: 'the target answered 503' }]);
    expect(house.clock.now() - NOW).toBeLessThanOrEqual(26 * 3_600_000);
    expect((await house.eventsOf(alert.id)).at(-1)).toBe(
      'notification_failed: raised by webhook to Ops: the target answered 503',
    );
  });

  it('a redirect is a failure', async () => {
    const hook = await house.aHook(302);
    await house.aWebhook(hook.url);
    await house.raise();
    await house.aDelivery().run(signal);
    expect(hook.received).toHaveLength(1);
    expect((await house.outbox())[0]?.last_error).toMatch(/redirects are not followed/);
  });

  it('a target that became private is refused at once and for good', async () => {
    const { channel } = await house.aWebhook((await house.aHook()).url);
    await house.db.admin.query(
      `update notification_channels set target = 'https://10.0.0.1/', target_sealed = null where id = $1`,
      [channel.id],
    );
    await house.raise();
    await house.aDelivery().run(signal);
    expect(await house.outbox()).toMatchObject([{ status: 'failed', attempts: 1 }]);
  });

  it('cannot be pointed at a private address, with credentials in its URL, or at something else than a URL', async () => {
    for (const target of [
      'https://10.0.0.1/',
      'https://a:b@example.org/',
      'ftp://example.org',
      'https://[::1]/',
      'nonsense',
    ])
      await expect(house.aWebhook(target)).rejects.toMatchObject({
        code: 'invalid_request',
        errors: [{ path: 'target' }],
      });
  });
});
