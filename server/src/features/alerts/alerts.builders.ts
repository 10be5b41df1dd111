import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import { aRule } from '../../../../tests/support/alert-fixtures.ts';
import { anApp, type Person } from '../../../../tests/support/app.ts';

// For the tests of this folder: the whole server, seen through its doors.

export async function until<T>(look: () => Promise<T | undefined>, withinMs = 5000): Promise<T> {
  const started = Date.now();
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    if (Date.now() - started > withinMs) throw new Error('it did not happen in time');
    await sleep(25);
  }
}

export async function alertsUnderTest() {
  const house = await anApp({ env: { VALTRONICS_WEBHOOK_ALLOW: '127.0.0.0/8' } });
  const admin = await house.aPerson('admin');
  const operator = await house.aPerson('operator');
  const analyst = await house.aPerson('analyst');

  const as = (person: Person) => (method: string, path: string, body?: unknown) =>
    house.call(method, `/api/v1${path}`, { token: person.accessToken, ...(body === undefined ? {} : { body }) });

  return {
    ...house,
    admin,
    operator,
    analyst,
    as,

    async send(device: { token: string }, ...points: [Date | number, number][]): Promise<void> {
      const answer = await house.call('POST', '/api/v1/telemetry', {
        token: device.token,
        body: {
          points: points.map(([at, value]) => ({
            metric: 'temperature',
            value,
            timestamp: new Date(at).toISOString(),
          })),
        },
      });
      expect(answer.status, answer.text).toBe(200);
    },

    alertOf: (deviceId: string, status: string) =>
      until(async () => (await as(operator)('GET', `/alerts?deviceId=${deviceId}&status=${status}`)).json.items[0]),

    async aWatchedDevice(name: string, rule: Parameters<typeof aRule>[0] = {}) {
      const device = await house.aDevice(operator, { name });
      const input = aRule({ name: `rule of ${name}`, deviceId: device.id, ...rule });
      const made = await as(operator)('POST', '/alert-rules', input);
      expect(made.status, made.text).toBe(201);
      return { ...device, rule: made.json };
    },
  };
}
