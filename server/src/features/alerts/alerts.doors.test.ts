import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { aRule } from '../../../../tests/support/alert-fixtures.ts';
import { anMqttClient } from '../../../../tests/support/mqtt-client.ts';
import { alertsUnderTest, until } from './alerts.builders.ts';

let house: Awaited<ReturnType<typeof alertsUnderTest>>;
beforeAll(async () => {
  house = await alertsUnderTest();
}, 120_000);
afterAll(() => house?.stop());

describe('other doors', () => {
  it('a live subscriber hears of its device`s alerts as they are raised and cleared', async () => {
    const device = await house.aWatchedDevice('Live');
    const other = await house.aWatchedDevice('Not looked at');
    const socket = new WebSocket(`wss://127.0.0.1:${house.httpPort}/api/v1/live`, { rejectUnauthorized: false });
    const heard: Record<string, unknown>[] = [];
    socket.on('message', (data) => heard.push(JSON.parse(String(data))));
    await new Promise((resolve) => socket.once('open', resolve));
    socket.send(JSON.stringify({ type: 'auth', token: house.operator.accessToken }));
    socket.send(JSON.stringify({ type: 'subscribe', id: 7, channel: 'alerts', deviceId: device.id }));
    await until(async () => heard.find(({ type }) => type === 'subscribed'));
    await house.send(other, [Date.now() - 2000, 9]);
    await house.send(device, [Date.now() - 2000, 9]);
    await until(async () => heard.find(({ type }) => type === 'alert'));
    await house.send(device, [Date.now() - 1000, 5]);
    await until(async () => (heard.filter(({ type }) => type === 'alert').length >= 2 ? true : undefined));
    socket.close();
    expect(heard.filter(({ type }) => type === 'alert')).toMatchObject([
      { id: 7, alert: { deviceId: device.id, status: 'active' } },
      { id: 7, alert: { deviceId: device.id, status: 'resolved' } },
    ]);
  });

  it('a device raises an alert by the older topic; nonsense is reported to it', async () => {
    const device = await house.aDevice(house.operator, { name: 'Older' });
    const client = await anMqttClient(house.mqttPort, { username: device.id, password: device.token });
    await client.subscribe(`valtronics/devices/${device.id}/errors`);
    const topic = `valtronics/${device.id}/alert`;
    await client.publish(
      topic,
      JSON.stringify({ title: 'Battery low', severity: 'warning', description: '11 %', fw: 3 }),
    );
    expect(await house.alertOf(device.id, 'active')).toMatchObject({
      type: 'device',
      ruleId: null,
      title: 'Battery low',
      detail: '11 %',
    });
    await client.publish(topic, JSON.stringify({ title: '', severity: 'loud' }));
    const report = await until(async () => client.received[0]);
    expect(report.text).toContain('severity');
    await client.end();
  });

  it('a webhook hears of it within a moment', async () => {
    const bodies: { type: string; data: { alert?: { id: string } } }[] = [];
    const hook = createServer(async (request, response) => {
      let body = '';
      for await (const chunk of request) body += String(chunk);
      bodies.push(JSON.parse(body));
      response.writeHead(204).end();
    });
    await new Promise<void>((resolve) => hook.listen(0, '127.0.0.1', resolve));
    const target = `http://127.0.0.1:${(hook.address() as AddressInfo).port}/`;
    const made = await house.as(house.admin)('POST', '/notification-channels', {
      name: 'Hook',
      kind: 'webhook',
      target,
    });
    expect(made.json.secret).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/);
    const listed = await house.as(house.admin)('GET', '/notification-channels');
    expect(listed.text).not.toContain(made.json.secret);

    expect((await house.as(house.admin)('POST', `/notification-channels/${made.json.channel.id}/test`)).status).toBe(
      202,
    );
    await until(async () => bodies.find(({ type }) => type === 'test'), 3000);
    const device = await house.aWatchedDevice('Hooked');
    await house.send(device, [Date.now() - 1000, 9]);
    const { id } = await house.alertOf(device.id, 'active');
    await until(async () => bodies.find(({ type, data }) => type === 'alert.raised' && data.alert?.id === id), 3000);
    await until(async () =>
      (await house.as(house.operator)('GET', `/alerts/${id}`)).json.events.find(
        ({ kind }: { kind: string }) => kind === 'notified',
      ),
    );
    expect((await house.as(house.admin)('DELETE', `/notification-channels/${made.json.channel.id}`)).status).toBe(204);
    hook.close();
  });

  it('a dry run over what was recorded finds the same firings', async () => {
    const device = await house.aDevice(house.operator, { name: 'Dry' });
    const start = Date.now() - 600_000;
    await house.send(device, [start, 5], [start + 1000, 9], [start + 2000, 12], [start + 3000, 5]);
    const answer = await house.as(house.operator)('POST', '/alert-rules/dry-run', {
      rule: aRule({ deviceId: device.id }),
      from: new Date(start - 1000).toISOString(),
      to: new Date().toISOString(),
    });
    expect(answer.json).toMatchObject({
      devices: 1,
      evaluatedPoints: 4,
      truncated: false,
      firings: [{ deviceName: 'Dry', peak: 12, to: new Date(start + 3000).toISOString() }],
    });
  });

  it('silence raises an alert that the next point clears', async () => {
    const device = await house.aDevice(house.operator, { name: 'Quiet' });
    await house.send(device, [Date.now() - 1000, 5]);
    const rule = aRule({ condition: 'no_data', threshold: null, forSeconds: 2, deviceId: device.id });
    expect((await house.as(house.operator)('POST', '/alert-rules', rule)).status).toBe(201);
    const alert = await until(
      async () => (await house.as(house.operator)('GET', `/alerts?deviceId=${device.id}&status=active`)).json.items[0],
      12_000,
    );
    expect(alert.detail).toMatch(/no temperature for 2 s/);
    await house.send(device, [Date.now(), 5]);
    await house.alertOf(device.id, 'resolved');
  });
});
