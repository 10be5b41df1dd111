import type { Stream } from '@valtronics/contract';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { PublishedMessage } from '../../security/gate/streams.ts';
import { aDevice, anOrganisation, aTelemetry, type TelemetryUnderTest, type TestDevice } from './telemetry.builders.ts';

let telemetry: TelemetryUnderTest;
let organisationId: number;
let device: TestDevice;
let neighbour: TestDevice;
let foreign: TestDevice;

beforeAll(async () => {
  telemetry = await aTelemetry();
  organisationId = await anOrganisation(telemetry.database);
  device = await aDevice(telemetry.database, organisationId);
  neighbour = await aDevice(telemetry.database, organisationId);
  foreign = await aDevice(telemetry.database, await anOrganisation(telemetry.database));
});
afterAll(async () => {
  await telemetry.drain();
  await telemetry.database.drop();
});

describe('live telemetry', () => {
  it('shows points once they are durable, to those who listen to that device or the fleet, of their organisation only', async () => {
    const fleet = telemetry.subscribe(organisationId, {});
    const one = telemetry.subscribe(organisationId, { deviceId: device.deviceId });
    const metric = telemetry.subscribe(organisationId, { metric: 'b' });
    const other = telemetry.subscribe(foreign.organisationId, { deviceId: device.deviceId });
    const timestamp = new Date(Date.now() - 1000).toISOString();
    await telemetry.submit(device, [
      { metric: 'a', value: 1, unit: 'V', timestamp },
      { metric: 'b', value: true, timestamp },
      { metric: 'b', value: 'refused' },
    ]);
    await telemetry.submit(neighbour, [{ metric: 'a', value: 9 }]);
    await telemetry.submit(foreign, [{ metric: 'a', value: 666 }]);
    const message = { type: 'telemetry', deviceId: device.deviceId, metric: 'a', unit: 'V', timestamp, value: 1 };
    expect(one.messages[0]).toEqual({ message, key: `${device.deviceId}/a` });
    expect(one.messages).toHaveLength(2);
    expect(fleet.messages).toHaveLength(3);
    expect(metric.messages.map(({ message: { value } }) => value)).toEqual([true]);
    expect(other.messages).toEqual([]);
    for (const reader of [fleet, one, metric, other]) reader.end();
    await telemetry.submit(device, [{ metric: 'a', value: 2 }]);
    expect(one.messages).toHaveLength(2);
    expect(fleet.messages).toHaveLength(3);
  });

  it('shows the fleet the newest of a burst, and the device’s own page its last hundred', async () => {
    await telemetry.submit(device, [{ metric: 'burst', value: -1 }]);
    const fleet = telemetry.subscribe(organisationId, {});
    const one = telemetry.subscribe(organisationId, { deviceId: device.deviceId });
    const points = Array.from({ length: 500 }, (_, value) => ({
      metric: 'burst',
      value,
      timestamp: Date.now() - 1_000_000 + value,
    }));
    await telemetry.submit(device, points);
    expect(fleet.messages.map(({ message }) => message['value'])).toEqual([499]);
    expect(one.messages.map(({ message }) => message['value'])).toEqual(
      Array.from({ length: 100 }, (_, index) => 400 + index),
    );
    fleet.end();
    one.end();
  });

  it('takes points over the same connection, and answers what became of them', async () => {
    const message = {
      principal: device,
      points: [
        { metric: 'sent', value: 1 },
        { metric: '', value: 2 },
      ],
    };
    const answer = await telemetry.publish(message as unknown as PublishedMessage<Stream>);
    expect(answer).toMatchObject({ accepted: 1, duplicates: 0, rejected: [{ index: 1, code: 'invalid_point' }] });
  });
});
