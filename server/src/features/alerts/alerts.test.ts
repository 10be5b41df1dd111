import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { aRule } from '../../../../tests/support/alert-fixtures.ts';
import { anApp, type Person, type TestApp } from '../../../../tests/support/app.ts';
import { anMqttClient } from '../../../../tests/support/mqtt-client.ts';

// The feature through its doors: HTTPS, MQTT and the live connection of a whole server.

let house: TestApp;
let operator: Person;
let admin: Person;
let analyst: Person;

beforeAll(async () => {
  house = await anApp({ env: { VALTRONICS_WEBHOOK_ALLOW: '127.0.0.0/8' } });
  admin = await house.aPerson('admin');
  operator = await house.aPerson('operator');
  analyst = await house.aPerson('analyst');
}, 120_000);
afterAll(() => house?.stop());

const as = (person: Person) => (method: string, path: string, body?: unknown) =>
  house.call(method, `/api/v1${path}`, { token: person.accessToken, ...(body === undefined ? {} : { body }) });

async function send(device: { token: string }, ...points: [Date | number, number][]): Promise<void> {
  const answer = await house.call('POST', '/api/v1/telemetry', {
    token: device.token,
    body: {
      points: points.map(([at, value]) => ({ metric: 'temperature', value, timestamp: new Date(at).toISOString() })),
    },
  });
  expect(answer.status, answer.text).toBe(200);
}

async function until<T>(look: () => Promise<T | undefined>, withinMs = 5000): Promise<T> {
  const started = Date.now();
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    if (Date.now() - started > withinMs) throw new Error('it did not happen in time');
    await sleep(25);
  }
}

const alertOf = (deviceId: string, status: string) =>
  until(async () => (await as(operator)('GET', `/alerts?deviceId=${deviceId}&status=${status}`)).json.items[0]);

async function aWatchedDevice(name: string, rule: Parameters<typeof aRule>[0] = {}) {
  const device = await house.aDevice(operator, { name });
  const made = await as(operator)(
    'POST',
    '/alert-rules',
    aRule({ name: `rule of ${name}`, deviceId: device.id, ...rule }),
  );
  expect(made.status, made.text).toBe(201);
  return { ...device, rule: made.json };
}

describe('an alert from point to person', () => {
  it('is raised within a second of the commit, acknowledged, noted and resolved, with all of it in its history', async () => {
    const device = await aWatchedDevice('Freezer');
    const before = Date.now();
    await send(device, [before - 1000, 9.5]);
    const committed = Date.now();
    const raised = await alertOf(device.id, 'active');
    expect(Date.parse(raised.raisedAt) - committed).toBeLessThan(1000);
    expect(raised).toMatchObject({ title: 'rule of Freezer', deviceName: 'Freezer', value: 9.5, threshold: 8 });

    const acknowledged = await as(operator)('POST', `/alerts/${raised.id}/acknowledge`, { note: 'on my way' });
    expect(acknowledged.json).toMatchObject({ status: 'acknowledged', acknowledgedBy: operator.email });
    expect((await as(operator)('POST', `/alerts/${raised.id}/acknowledge`, {})).status).toBe(409);
    expect((await as(operator)('POST', `/alerts/${raised.id}/notes`, { note: 'door was open' })).status).toBe(200);
    const resolved = await as(operator)('POST', `/alerts/${raised.id}/resolve`, {});
    expect(resolved.json).toMatchObject({ status: 'resolved', resolvedBy: operator.email });
    expect((await as(operator)('POST', `/alerts/${raised.id}/resolve`, {})).status).toBe(409);

    const { events } = (await as(analyst)('GET', `/alerts/${raised.id}`)).json;
    expect(events.map(({ kind, by, note }: Record<string, unknown>) => [kind, by, note])).toEqual([
      ['raised', null, expect.stringContaining('temperature above 8')],
      ['acknowledged', operator.email, 'on my way'],
      ['note', operator.email, 'door was open'],
      ['resolved', operator.email, null],
    ]);
    const log = await as(admin)('GET', `/audit-events?resourceId=${raised.id}`);
    expect(log.json.items.map(({ event }: { event: string }) => event).sort()).toEqual([
      'alert.acknowledged',
      'alert.noted',
      'alert.resolved',
    ]);
  });

  it('clears by itself, and late points change nothing', async () => {
    const device = await aWatchedDevice('Late');
    const now = Date.now();
    await send(device, [now - 5000, 9]);
    await alertOf(device.id, 'active');
    await send(device, [now - 4000, 5]);
    const cleared = await alertOf(device.id, 'resolved');
    expect(cleared.resolvedBy).toBeNull();
    await send(device, [now - 60_000, 99], [now - 3_600_000, 99]);
    await sleep(600);
    expect((await as(operator)('GET', `/alerts?deviceId=${device.id}`)).json.items).toHaveLength(1);
  });

  it('deleting a rule clears what it left open and keeps its history', async () => {
    const device = await aWatchedDevice('Ruled');
    await send(device, [Date.now() - 1000, 9]);
    const raised = await alertOf(device.id, 'active');
    expect((await as(operator)('DELETE', `/alert-rules/${device.rule.id}`)).status).toBe(204);
    const after = (await as(operator)('GET', `/alerts/${raised.id}`)).json;
    expect(after).toMatchObject({ status: 'resolved', ruleId: device.rule.id });
    expect(after.events.at(-1)).toMatchObject({ kind: 'cleared', note: 'the rule was deleted' });
  });
});

describe('lists', () => {
  it('pages through alerts, newest first, each once', async () => {
    const device = await aWatchedDevice('Pages');
    const start = Date.now() - 100_000;
    const points = Array.from({ length: 14 }, (_, index): [number, number] => [
      start + index * 1000,
      index % 2 ? 5 : 9,
    ]);
    await send(device, ...points);
    await until(async () => {
      const { items } = (await as(operator)('GET', `/alerts?deviceId=${device.id}`)).json;
      return items.length === 7 ? true : undefined;
    });
    const seen: string[] = [];
    let cursor: string | null = null;
    do {
      const page = await as(operator)(
        'GET',
        `/alerts?deviceId=${device.id}&limit=3${cursor === null ? '' : `&cursor=${cursor}`}`,
      );
      seen.push(...page.json.items.map(({ id }: { id: string }) => id));
      cursor = page.json.nextCursor;
    } while (cursor !== null);
    expect(new Set(seen).size).toBe(7);
    expect((await as(operator)('GET', '/alerts?cursor=nonsense')).status).toBe(400);
  });

  it('filters, and counts what is open', async () => {
    const device = await aWatchedDevice('Counted', { severity: 'critical' });
    const before = (await as(operator)('GET', '/alerts/summary')).json.active.critical;
    await send(device, [Date.now() - 1000, 9]);
    const raised = await alertOf(device.id, 'active');
    expect((await as(operator)('GET', '/alerts/summary')).json.active.critical).toBe(before + 1);
    const ids = async (query: string) =>
      (await as(operator)('GET', `/alerts?${query}`)).json.items.map(({ id }: { id: string }) => id);
    expect(await ids('open=true&severity=critical')).toContain(raised.id);
    expect(await ids('open=true&severity=info')).not.toContain(raised.id);
    expect(await ids(`ruleId=${device.rule.id}`)).toEqual([raised.id]);
    expect(await ids(`deviceId=${device.id}&to=${new Date(Date.now() - 3_600_000).toISOString()}`)).toEqual([]);
  });

  it('lists the rules that concern a device', async () => {
    const device = await aWatchedDevice('Concerned');
    const { items } = (await as(operator)('GET', `/alert-rules?deviceId=${device.id}`)).json;
    expect(items.map(({ name }: { name: string }) => name)).toEqual(['rule of Concerned']);
  });
});

describe('what is refused', () => {
  it('rules that make no sense, by field', async () => {
    const stranger = await house.aPerson('operator', await house.anotherOrganisation());
    const theirs = await house.aDevice(stranger);
    const cases: [Parameters<typeof aRule>[0], string][] = [
      [{ threshold: null }, 'threshold'],
      [{ condition: 'rises_by' }, 'perSeconds'],
      [{ condition: 'no_data', threshold: null }, 'forSeconds'],
      [{ clearThreshold: 9 }, 'clearThreshold'],
      [{ deviceId: theirs.id }, 'deviceId'],
    ];
    for (const [fields, path] of cases) {
      const answer = await as(operator)('POST', '/alert-rules', aRule(fields));
      expect(answer.status).toBe(400);
      expect(answer.json.errors[0].path).toBe(path);
    }
  });

  it('another organisation finds nothing of ours, with the answer of what does not exist', async () => {
    const stranger = await house.aPerson('operator', await house.anotherOrganisation());
    const device = await aWatchedDevice('Ours');
    await send(device, [Date.now() - 1000, 9]);
    const { id } = await alertOf(device.id, 'active');
    const missing = '0199a1b2-0000-7000-8000-00000000dead';
    const requests: [string, (id: string) => string, unknown?][] = [
      ['GET', (which) => `/alerts/${which}`],
      ['POST', (which) => `/alerts/${which}/resolve`, {}],
      ['POST', (which) => `/alerts/${which}/acknowledge`, {}],
    ];
    for (const [method, path, body] of requests) {
      const [ours, none] = [
        await as(stranger)(method, path(id), body),
        await as(stranger)(method, path(missing), body),
      ];
      expect([ours.status, none.status]).toEqual([404, 404]);
      expect({ ...ours.json, requestId: '' }).toEqual({ ...none.json, requestId: '' });
    }
    expect((await as(stranger)('GET', '/alerts')).json.items).toEqual([]);
  });

  it('who may only look cannot act, and only administrators see channels', async () => {
    expect((await as(analyst)('POST', '/alert-rules', aRule())).status).toBe(403);
    expect((await as(operator)('GET', '/notification-channels')).status).toBe(403);
  });
});

describe('other doors', () => {
  it('a live subscriber hears of its device`s alerts as they are raised and cleared', async () => {
    const device = await aWatchedDevice('Live');
    const other = await aWatchedDevice('Not looked at');
    const socket = new WebSocket(`wss://127.0.0.1:${house.httpPort}/api/v1/live`, { rejectUnauthorized: false });
    const heard: Record<string, unknown>[] = [];
    socket.on('message', (data) => heard.push(JSON.parse(String(data))));
    await new Promise((resolve) => socket.once('open', resolve));
    socket.send(JSON.stringify({ type: 'auth', token: operator.accessToken }));
    socket.send(JSON.stringify({ type: 'subscribe', id: 7, channel: 'alerts', deviceId: device.id }));
    await until(async () => heard.find(({ type }) => type === 'subscribed'));
    await send(other, [Date.now() - 2000, 9]);
    await send(device, [Date.now() - 2000, 9]);
    await until(async () => heard.find(({ type }) => type === 'alert'));
    await send(device, [Date.now() - 1000, 5]);
    await until(async () => (heard.filter(({ type }) => type === 'alert').length >= 2 ? true : undefined));
    socket.close();
    expect(heard.filter(({ type }) => type === 'alert')).toMatchObject([
      { id: 7, alert: { deviceId: device.id, status: 'active' } },
      { id: 7, alert: { deviceId: device.id, status: 'resolved' } },
    ]);
  });

  it('a device raises an alert by the older topic; nonsense is reported to it', async () => {
    const device = await house.aDevice(operator, { name: 'Older' });
    const client = await anMqttClient(house.mqttPort, { username: device.id, password: device.token });
    await client.subscribe(`valtronics/devices/${device.id}/errors`);
    const topic = `valtronics/${device.id}/alert`;
    await client.publish(
      topic,
      JSON.stringify({ title: 'Battery low', severity: 'warning', description: '11 %', fw: 3 }),
    );
    expect(await alertOf(device.id, 'active')).toMatchObject({
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
    const made = await as(admin)('POST', '/notification-channels', { name: 'Hook', kind: 'webhook', target });
    expect(made.json.secret).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/);
    const listed = await as(admin)('GET', '/notification-channels');
    expect(listed.text).not.toContain(made.json.secret);

    expect((await as(admin)('POST', `/notification-channels/${made.json.channel.id}/test`)).status).toBe(202);
    await until(async () => bodies.find(({ type }) => type === 'test'), 3000);
    const device = await aWatchedDevice('Hooked');
    await send(device, [Date.now() - 1000, 9]);
    const { id } = await alertOf(device.id, 'active');
    await until(async () => bodies.find(({ type, data }) => type === 'alert.raised' && data.alert?.id === id), 3000);
    await until(async () =>
      (await as(operator)('GET', `/alerts/${id}`)).json.events.find(
        ({ kind }: { kind: string }) => kind === 'notified',
      ),
    );
    expect((await as(admin)('DELETE', `/notification-channels/${made.json.channel.id}`)).status).toBe(204);
    hook.close();
  });

  it('a dry run over what was recorded finds the same firings', async () => {
    const device = await house.aDevice(operator, { name: 'Dry' });
    const start = Date.now() - 600_000;
    await send(device, [start, 5], [start + 1000, 9], [start + 2000, 12], [start + 3000, 5]);
    const answer = await as(operator)('POST', '/alert-rules/dry-run', {
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
    const device = await house.aDevice(operator, { name: 'Quiet' });
    await send(device, [Date.now() - 1000, 5]);
    const rule = aRule({ condition: 'no_data', threshold: null, forSeconds: 2, deviceId: device.id });
    expect((await as(operator)('POST', '/alert-rules', rule)).status).toBe(201);
    const alert = await until(
      async () => (await as(operator)('GET', `/alerts?deviceId=${device.id}&status=active`)).json.items[0],
      12_000,
    );
    expect(alert.detail).toMatch(/no temperature for 2 s/);
    await send(device, [Date.now(), 5]);
    await alertOf(device.id, 'resolved');
  });
});
