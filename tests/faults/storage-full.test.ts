import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { anApp, type Person, type TestApp } from '../support/app.ts';
import { anMqttClient, settlesWithin, type TestMqttClient } from '../support/mqtt-client.ts';

let app: TestApp;
let person: Person;
let device: { id: string; token: string };
let isWritable = true;
const logged: string[] = [];

beforeAll(async () => {
  app = await anApp({
    writable: () => isWritable,
    env: { VALTRONICS_LOG_LEVEL: 'warn' },
    onLogLine: (line) => logged.push(line),
  });
  person = await app.aPerson('admin');
  device = await app.aDevice(person);
  const answer = await send(1);
  expect(answer.json).toMatchObject({ accepted: 1 });
});
afterAll(() => app.stop());

const send = (value: number) =>
  app.call('POST', '/api/v1/telemetry', { token: device.token, body: { points: [{ metric: 'temperature', value }] } });

async function storedValues(): Promise<number[]> {
  const { rows } = await app.database.admin.query<{ num: number }>(
    'select num from points p join series s on s.id = p.series_id where s.device_id = $1 order by num',
    [device.id],
  );
  return rows.map(({ num }) => num);
}

describe('a disk that is nearly full', () => {
  it('refuses measurements with 503 and a time to come back, and stores none of them', async () => {
    isWritable = false;
    const answer = await send(2);
    expect(answer.status).toBe(503);
    expect(answer.json).toMatchObject({ code: 'storage_full', status: 503 });
    expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0);
    expect(await storedValues()).toEqual([1]);
  });

  it('says so in a few short lines of the log, however many are refused', async () => {
    const answers = await Promise.all(Array.from({ length: 50 }, () => send(2)));
    expect(answers.map(({ status }) => status)).toEqual(Array(50).fill(503));
    const lines = logged.filter((line) => line.includes('storage_full'));
    expect(lines.length).toBeGreaterThan(0);
    expect(lines.length).toBeLessThan(10);
    for (const line of lines) expect(JSON.parse(line)).not.toHaveProperty('err');
  });

  it('says that it is not ready, and is alive', async () => {
    expect((await app.call('GET', '/health/ready')).status).toBe(503);
    expect((await app.call('GET', '/health/live')).status).toBe(200);
  });

  it('keeps serving what is there', async () => {
    const latest = () =>
      app.call('GET', `/api/v1/telemetry/latest?deviceId=${device.id}`, { token: person.accessToken });
    expect((await latest()).status).toBe(200);
    // The newest values follow the journal, a moment after the commit; a full disk must not keep them from doing so.
    await expect
      .poll(async () => (await latest()).json.items, { timeout: 10_000 })
      .toMatchObject([{ metric: 'temperature', value: 1 }]);
    expect((await app.call('GET', '/api/v1/devices', { token: person.accessToken })).json.items).toHaveLength(1);
  });

  it('acknowledges nothing over MQTT; the device sends again when there is room, and it is stored once', async () => {
    const connect = (): Promise<TestMqttClient> =>
      anMqttClient(app.mqttPort, { username: device.id, password: device.token, clientId: 'full' });
    const topic = `valtronics/devices/${device.id}/telemetry/temperature`;
    const message = JSON.stringify({ value: 3, timestamp: Date.now() });
    const first = await connect();
    let acknowledged = false;
    const publishing = first.publish(topic, message).then(
      () => {
        acknowledged = true;
      },
      () => undefined,
    );
    await settlesWithin(3_000, Promise.race([publishing, first.closed]));
    expect(acknowledged).toBe(false);
    expect(await storedValues()).toEqual([1]);
    first.vanish();

    isWritable = true;
    const second = await connect();
    await second.publish(topic, message);
    expect(await storedValues()).toEqual([1, 3]);
    await second.end();
    expect((await send(4)).json).toMatchObject({ accepted: 1 });
  });
});
