import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { aRule } from '../../../../tests/support/alert-fixtures.ts';
import { mask } from '../../lib/masking.ts';
import { alertsUnderTest, until } from './alerts.builders.ts';

let house: Awaited<ReturnType<typeof alertsUnderTest>>;
beforeAll(async () => {
  house = await alertsUnderTest();
}, 120_000);
afterAll(() => house?.stop());

describe('an alert from point to person', () => {
  it('is raised within a second of the commit, acknowledged, noted and resolved, with all of it in its history', async () => {
    const device = await house.aWatchedDevice('Freezer');
    const before = Date.now();
    await house.send(device, [before - 1000, 9.5]);
    const committed = Date.now();
    const raised = await house.alertOf(device.id, 'active');
    expect(Date.parse(raised.raisedAt) - committed).toBeLessThan(1000);
    expect(raised).toMatchObject({ title: 'rule of Freezer', deviceName: 'Freezer', value: 9.5, threshold: 8 });

    const acknowledged = await house.as(house.operator)('POST', `/alerts/${raised.id}/acknowledge`, {
      note: 'on my way',
    });
    // Without a name, and to who does not manage people.
    const operator = mask('email', house.operator.email);
    expect(acknowledged.json).toMatchObject({ status: 'acknowledged', acknowledgedBy: operator });
    expect((await house.as(house.operator)('POST', `/alerts/${raised.id}/acknowledge`, {})).status).toBe(409);
    expect(
      (await house.as(house.operator)('POST', `/alerts/${raised.id}/notes`, { note: 'door was open' })).status,
    ).toBe(200);
    const resolved = await house.as(house.operator)('POST', `/alerts/${raised.id}/resolve`, {});
    expect(resolved.json).toMatchObject({ status: 'resolved', resolvedBy: operator });
    expect((await house.as(house.operator)('POST', `/alerts/${raised.id}/resolve`, {})).status).toBe(409);

    const { events } = (await house.as(house.analyst)('GET', `/alerts/${raised.id}`)).json;
    expect(events.map(({ kind, by, note }: Record<string, unknown>) => [kind, by, note])).toEqual([
      ['raised', null, expect.stringContaining('temperature above 8')],
      ['acknowledged', operator, 'on my way'],
      ['note', operator, 'door was open'],
      ['resolved', operator, null],
    ]);
    const log = await house.as(house.admin)('GET', `/audit-events?resourceId=${raised.id}`);
    expect(log.json.items.map(({ event }: { event: string }) => event).sort()).toEqual([
      'alert.acknowledged',
      'alert.noted',
      'alert.resolved',
    ]);
  });

  it('clears by itself, and late points change nothing', async () => {
    const device = await house.aWatchedDevice('Late');
    const now = Date.now();
    await house.send(device, [now - 5000, 9]);
    await house.alertOf(device.id, 'active');
    await house.send(device, [now - 4000, 5]);
    const cleared = await house.alertOf(device.id, 'resolved');
    expect(cleared.resolvedBy).toBeNull();
    await house.send(device, [now - 60_000, 99], [now - 3_600_000, 99]);
    await sleep(600);
    expect((await house.as(house.operator)('GET', `/alerts?deviceId=${device.id}`)).json.items).toHaveLength(1);
  });

  it('deleting a rule clears what it left open and keeps its history', async () => {
    const device = await house.aWatchedDevice('Ruled');
    await house.send(device, [Date.now() - 1000, 9]);
    const raised = await house.alertOf(device.id, 'active');
    expect((await house.as(house.operator)('DELETE', `/alert-rules/${device.rule.id}`)).status).toBe(204);
    const after = (await house.as(house.operator)('GET', `/alerts/${raised.id}`)).json;
    expect(after).toMatchObject({ status: 'resolved', ruleId: device.rule.id });
    expect(after.events.at(-1)).toMatchObject({ kind: 'cleared', note: 'the rule was deleted' });
  });
});

describe('lists', () => {
  it('pages through alerts, newest first, each once', async () => {
    const device = await house.aWatchedDevice('Pages');
    const start = Date.now() - 100_000;
    const points = Array.from({ length: 14 }, (_, index): [number, number] => [
      start + index * 1000,
      index % 2 ? 5 : 9,
    ]);
    await house.send(device, ...points);
    await until(async () => {
      const { items } = (await house.as(house.operator)('GET', `/alerts?deviceId=${device.id}`)).json;
      return items.length === 7 ? true : undefined;
    });
    const seen: string[] = [];
    let cursor: string | null = null;
    do {
      const page = await house.as(house.operator)(
        'GET',
        `/alerts?deviceId=${device.id}&limit=3${cursor === null ? '' : `&cursor=${cursor}`}`,
      );
      seen.push(...page.json.items.map(({ id }: { id: string }) => id));
      cursor = page.json.nextCursor;
    } while (cursor !== null);
    expect(new Set(seen).size).toBe(7);
    expect((await house.as(house.operator)('GET', '/alerts?cursor=nonsense')).status).toBe(400);
  });

  it('filters, and counts what is open', async () => {
    const device = await house.aWatchedDevice('Counted', { severity: 'critical' });
    const before = (await house.as(house.operator)('GET', '/alerts/summary')).json.active.critical;
    await house.send(device, [Date.now() - 1000, 9]);
    const raised = await house.alertOf(device.id, 'active');
    expect((await house.as(house.operator)('GET', '/alerts/summary')).json.active.critical).toBe(before + 1);
    const ids = async (query: string) =>
      (await house.as(house.operator)('GET', `/alerts?${query}`)).json.items.map(({ id }: { id: string }) => id);
    expect(await ids('open=true&severity=critical')).toContain(raised.id);
    expect(await ids('open=true&severity=info')).not.toContain(raised.id);
    expect(await ids(`ruleId=${device.rule.id}`)).toEqual([raised.id]);
    expect(await ids(`deviceId=${device.id}&to=${new Date(Date.now() - 3_600_000).toISOString()}`)).toEqual([]);
  });

  it('lists the rules that concern a device', async () => {
    const device = await house.aWatchedDevice('Concerned');
    const { items } = (await house.as(house.operator)('GET', `/alert-rules?deviceId=${device.id}`)).json;
    expect(items.map(({ name }: { name: string }) => name)).toEqual(['rule of Concerned']);
  });
});

describe('what is refused', () => {
  it('[ASVS 2.2.3] rules that make no sense, by field', async () => {
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
      const answer = await house.as(house.operator)('POST', '/alert-rules', aRule(fields));
      expect(answer.status).toBe(400);
      expect(answer.json.errors[0].path).toBe(path);
    }
  });

  it('another organisation finds nothing of ours, with the answer of what does not exist', async () => {
    const stranger = await house.aPerson('operator', await house.anotherOrganisation());
    const device = await house.aWatchedDevice('Ours');
    await house.send(device, [Date.now() - 1000, 9]);
    const { id } = await house.alertOf(device.id, 'active');
    const missing = '0199a1b2-0000-7000-8000-00000000dead';
    const requests: [string, (id: string) => string, unknown?][] = [
      ['GET', (which) => `/alerts/${which}`],
      ['POST', (which) => `/alerts/${which}/resolve`, {}],
      ['POST', (which) => `/alerts/${which}/acknowledge`, {}],
    ];
    for (const [method, path, body] of requests) {
      const [ours, none] = [
        await house.as(stranger)(method, path(id), body),
        await house.as(stranger)(method, path(missing), body),
      ];
      expect([ours.status, none.status]).toEqual([404, 404]);
      expect({ ...ours.json, requestId: '' }).toEqual({ ...none.json, requestId: '' });
    }
    expect((await house.as(stranger)('GET', '/alerts')).json.items).toEqual([]);
  });

  it('who may only look cannot act, and only administrators change channels', async () => {
    expect((await house.as(house.analyst)('POST', '/alert-rules', aRule())).status).toBe(403);
    expect((await house.as(house.operator)('GET', '/notification-channels')).status).toBe(200);
    const body = { name: 'Ours', kind: 'email', target: 'ours@example.org' };
    expect((await house.as(house.operator)('POST', '/notification-channels', body)).status).toBe(403);
  });
});
