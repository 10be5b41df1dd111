import { telemetryTopics } from '@valtronics/contract';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Problem } from '../../lib/problem.ts';
import type { DevicePrincipal } from '../../security/access/principal.ts';
import { aDevice, anOrganisation, aTelemetry, type TelemetryUnderTest, type TestDevice } from './telemetry.builders.ts';

let telemetry: TelemetryUnderTest;
let device: TestDevice;

beforeAll(async () => {
  telemetry = await aTelemetry();
  device = await aDevice(telemetry.database, await anOrganisation(telemetry.database));
});
afterAll(async () => {
  await telemetry.drain();
  await telemetry.database.drop();
});

async function publish(topic: keyof typeof telemetryTopics, payload: unknown, params: Record<string, string> = {}) {
  const handler = telemetry.topics.get(telemetryTopics[topic].pattern);
  if (!handler) throw new Error('the topic is not handled');
  const principal: DevicePrincipal = { ...device, credentialId: '', deviceType: 'temperature', expiresAt: null };
  const bytes = Buffer.from(typeof payload === 'string' ? payload : JSON.stringify(payload));
  await handler({ device: principal, params, payload: bytes, qos: 1, lastWill: false });
}

async function refusal(work: Promise<void>): Promise<Problem> {
  const error = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof Problem)) throw new Error(`no problem, but ${String(error)}`);
  return error;
}

async function valuesOf(metric: string): Promise<(number | string)[]> {
  const { rows } = await telemetry.database.admin.query(
    'select num, txt from points p join series s on s.id = p.series_id where device_id = $1 and metric = $2 order by ts',
    [device.deviceId, metric],
  );
  return rows.map(({ num, txt }) => num ?? txt);
}

const time = (ms: number) => new Date(Date.now() - 100_000 + ms).toISOString();

describe('measurements over MQTT', () => {
  it('come as a batch, a list or one point', async () => {
    await publish('points', {
      points: [
        { metric: 'a', value: 1 },
        { metric: 'a', value: 2 },
      ],
    });
    await publish('points', [{ metric: 'a', value: 3 }]);
    await publish('points', { metric: 'a', value: 4, unit: 'V' });
    expect(await valuesOf('a')).toEqual([1, 2, 3, 4]);
  });

  it('come on a topic of their metric, as a value or bare', async () => {
    await publish('metric', { value: 1.5, unit: 'bar', timestamp: time(0) }, { metric: 'pressure' });
    await publish('metric', '2.5', { metric: 'pressure' });
    await publish('metric', 'true', { metric: 'open' });
    expect(await valuesOf('pressure')).toEqual([1.5, 2.5]);
    expect(await valuesOf('open')).toEqual([1]);
    expect(
      (await refusal(publish('metric', { metric: 'other', value: 1 }, { metric: 'pressure' }))).errors?.[0]?.path,
    ).toBe('metric');
  });

  it('come in the older scheme', async () => {
    const timestamp = time(0);
    const metrics = [
      { name: 'co2', value: 415, unit: 'ppm' },
      { name: 'voc', value: 3, unit: null },
    ];
    await publish('older', { device_id: device.deviceId, timestamp, metrics });
    expect(await valuesOf('co2')).toEqual([415]);
    expect(await valuesOf('voc')).toEqual([3]);
    const foreign = await refusal(publish('older', { device_id: '018f0000-0000-7000-8000-000000000009', metrics }));
    expect(foreign.errors?.[0]?.message).toMatch(/^unknown_device/);
    expect(foreign.errors?.[0]?.path).toBe('metrics[0]');
  });

  it('of a mixed batch are stored where they are good, and the others reported by place and reason', async () => {
    const timestamp = time(50);
    const problem = await refusal(
      publish('points', {
        points: [
          { metric: 'mixed', value: 1, timestamp },
          { metric: 'mixed', value: 2, timestamp },
          { metric: 'bad name', value: 1 },
          { metric: 'mixed', value: 'text' },
          { metric: 'mixed', value: 5 },
        ],
      }),
    );
    expect(problem.code).toBe('invalid_request');
    expect(problem.errors?.map(({ path, message }) => [path, message.split(':')[0]])).toEqual([
      ['points[1]', 'conflict'],
      ['points[2]', 'invalid_point'],
      ['points[3]', 'type_mismatch'],
    ]);
    expect(await valuesOf('mixed')).toEqual([1, 5]);
  });

  it('that cannot be read are refused with the reason: no JSON, polluting keys, too many, none', async () => {
    expect((await refusal(publish('points', 'NaN'))).code).toBe('malformed_json');
    expect((await refusal(publish('points', '{"points":'))).code).toBe('malformed_json');
    expect((await refusal(publish('points', '[{"metric":"a","value":1,"__proto__":{"x":1}}]'))).status).toBe(400);
    expect((await refusal(publish('points', { points: [] }))).status).toBe(400);
    expect((await refusal(publish('points', new Array(5001).fill({ metric: 'a', value: 1 })))).status).toBe(400);
    expect((await refusal(publish('points', { points: [{ metric: 'a', value: 1 }], more: 1 }))).errors?.[0]?.path).toBe(
      'more',
    );
    expect((await refusal(publish('older', '17'))).status).toBe(400);
    expect(await valuesOf('a')).toHaveLength(4);
  });
});
