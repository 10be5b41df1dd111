import { setTimeout as sleep } from 'node:timers/promises';
import * as contract from '@valtronics/contract';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { aDatabase, type TestDatabase } from '../../../../tests/support/database.ts';
import { anOrganisation, devicesUnderTest } from '../../../../tests/support/devices.ts';
import { eventually } from '../../../../tests/support/mqtt-client.ts';
import { manualClock, systemClock } from '../../lib/clock.ts';
import { createLogger } from '../../platform/log/log.ts';
import type { UserPrincipal } from '../../security/access/principal.ts';
import { createPresence } from './presence.ts';

let database: TestDatabase;
let subject: Awaited<ReturnType<typeof devicesUnderTest>>;
let ann: UserPrincipal;

beforeAll(async () => {
  database = await aDatabase();
  subject = await devicesUnderTest(database);
  ann = await anOrganisation(database);
});
afterAll(async () => {
  await subject.stop();
  await database.drop();
});

async function aDevice(fields: object = {}) {
  const { device, credential } = await subject.call(ann, contract.deviceRegister, {
    body: { name: 'Probe', type: 'probe', ...fields },
  });
  const params = { id: device.id };
  const get = () => subject.call(ann, contract.deviceGet, { params });
  return {
    id: device.id,
    credentialId: credential.id,
    get,
    topic: (rest: string) => `valtronics/devices/${device.id}/${rest}`,
    connect: (options = {}) => subject.connect(device.id, credential.token, options),
    becomes: (status: string, withinMs?: number) =>
      eventually(`it is ${status}`, async () => (await get()).status === status, withinMs),
    events: async () =>
      (await subject.call(ann, contract.deviceEventsList, { params })).items
        .map(({ status, reason }) => `${status}: ${reason}`)
        .reverse(),
    credentials: async () => (await subject.call(ann, contract.credentialsList, { params })).items,
  };
}

describe('on its connections', () => {
  test('a device that connects is online within a second, seen, its credential used, and shown live', async () => {
    const device = await aDevice();
    const watched = subject.watch(ann, device.id);
    const client = await device.connect();
    await device.becomes('online', 1500);
    expect(await device.events()).toEqual(['online: heard']);
    expect((await device.get()).lastSeenAt).not.toBeNull();
    expect((await device.credentials())[0]?.lastUsedAt).not.toBeNull();
    expect(watched.messages).toMatchObject([{ type: 'device', device: { id: device.id, status: 'online' } }]);
    watched.end();
    await client.end();
  });

  test('its serial number is shown live as everywhere else, or told not to open', async () => {
    const [whole, altered] = [await aDevice({ serial: 'SN-1' }), await aDevice({ serial: 'SN-2' })];
    await database.admin.query(
      'update devices set serial_sealed = set_byte(serial_sealed, 75, get_byte(serial_sealed, 75) # 1) where id = $1',
      [altered.id],
    );
    for (const [device, shown] of [
      [whole, { serial: 'SN-1', unreadable: null }],
      [altered, { serial: null, unreadable: 'serial' }],
    ] as const) {
      const watched = subject.watch(ann, device.id);
      const client = await device.connect();
      await device.becomes('online');
      await eventually('it is shown', async () => watched.messages.length > 0);
      expect(watched.messages).toMatchObject([{ device: { id: device.id, ...shown } }]);
      expect(await device.get()).toMatchObject(shown);
      watched.end();
      await client.end();
    }
  });

  test('its last will makes it offline', async () => {
    const device = await aDevice();
    const will = { topic: device.topic('status'), payload: Buffer.from('offline'), qos: 1, retain: true } as const;
    const client = await device.connect({ will });
    await device.becomes('online');
    client.vanish();
    await device.becomes('offline', 6000);
    expect(await device.events()).toEqual(['online: heard', 'offline: last will']);
  });

  test('one that is back within a moment never was away', async () => {
    const device = await aDevice();
    const first = await device.connect();
    await device.becomes('online');
    first.vanish();
    await sleep(500);
    const second = await device.connect();
    await sleep(4000);
    expect(await device.events()).toEqual(['online: heard']);
    await second.end();
    await device.becomes('offline', 6000);
    expect((await device.events()).at(-1)).toBe('offline: goodbye');
  });

  test('it stays online while one of its connections is open', async () => {
    const device = await aDevice();
    const [first, second] = [await device.connect(), await device.connect()];
    await device.becomes('online');
    await first.end();
    await sleep(4000);
    expect((await device.get()).status).toBe('online');
    await second.end();
  });

  test('what it says of itself stays until it says otherwise', async () => {
    const device = await aDevice();
    const client = await device.connect();
    await client.publish(device.topic('status'), 'maintenance');
    await device.becomes('maintenance');
    await client.publish(`valtronics/${device.id}/heartbeat`, '');
    await client.end();
    await sleep(4000);
    expect((await device.get()).status).toBe('maintenance');
    const again = await device.connect();
    await again.publish(`valtronics/${device.id}/status`, '{"status":"error"}');
    await device.becomes('error');
    await again.publish(device.topic('status'), 'online');
    await device.becomes('online');
    expect((await device.events()).slice(-3)).toEqual([
      'maintenance: said by the device',
      'error: said by the device',
      'online: said by the device',
    ]);
    await again.end();
  });

  test('a status that is none is told on its errors topic', async () => {
    const device = await aDevice();
    const client = await device.connect();
    await client.subscribe(device.topic('errors'));
    await client.publish(device.topic('status'), '"great"');
    await eventually('it is told', () => client.received.length === 1);
    expect(JSON.parse(client.received[0]?.text ?? '')).toMatchObject({ errors: [{ path: 'status' }] });
    await client.end();
  });

  test('a flood of status messages writes few rows and ends with the last word', async () => {
    const device = await aDevice();
    const client = await device.connect();
    const until = Date.now() + 4000;
    for (let n = 0; Date.now() < until; n += 1) {
      await client.publish(device.topic('status'), n % 2 ? 'error' : 'online', 0);
      await sleep(5);
    }
    expect((await device.events()).length).toBeLessThanOrEqual(6);
    await client.end();
  });
});

describe('silence (on a clock of its own)', () => {
  const setUp = async () => {
    const clock = manualClock(Date.now());
    const presence = createPresence({
      transactions: subject.transactions,
      clock,
      log: createLogger({ level: 'fatal', clock: systemClock }),
    });
    return { clock, presence, device: await aDevice({ silenceTimeoutSeconds: 60 }) };
  };

  test('a device is offline after its own timeout, not before, and online again when it is heard', async () => {
    const { clock, presence, device } = await setUp();
    const heard = () => presence.heard({ deviceId: device.id, credentialId: device.credentialId });
    heard();
    await presence.flush();
    clock.advance(59_000);
    await presence.sweepSilent();
    expect((await device.get()).status).toBe('online');
    clock.advance(1000);
    await presence.sweepSilent();
    expect((await device.get()).status).toBe('offline');
    heard();
    await presence.flush();
    expect(await device.events()).toEqual(['online: heard', 'offline: silent for 60 s', 'online: heard']);
  });

  test('what was heard and not yet written counts', async () => {
    const { clock, presence, device } = await setUp();
    presence.heard({ deviceId: device.id, credentialId: device.credentialId });
    await presence.flush();
    clock.advance(70_000);
    presence.heard({ deviceId: device.id, credentialId: device.credentialId });
    await presence.sweepSilent();
    expect((await device.get()).status).toBe('online');
  });

  test('the time it was seen is written once a second at most', async () => {
    const { clock, presence, device } = await setUp();
    const writes = async () =>
      (await database.admin.query(`select xmin::text from devices where id = $1`, [device.id])).rows[0].xmin;
    const seen = new Set<string>();
    for (let n = 0; n < 40; n += 1) {
      presence.heard({ deviceId: device.id, credentialId: device.credentialId });
      await presence.flush();
      seen.add(await writes());
      clock.advance(100);
    }
    expect(seen.size).toBeLessThanOrEqual(5);
  });

  test('a device that flaps is written a few times, then once each half minute, and its latest state is not lost', async () => {
    const { clock, presence, device } = await setUp();
    for (let n = 0; n < 600; n += 1) {
      presence.said(device.id, n % 2 ? 'online' : 'error');
      await presence.flush();
      clock.advance(100);
    }
    expect((await device.events()).length).toBeLessThanOrEqual(9);
    presence.said(device.id, 'maintenance');
    clock.advance(30_000);
    await presence.flush();
    expect((await device.get()).status).toBe('maintenance');
  });

  test('a database that is away loses nothing', async () => {
    const { clock, device } = await setUp();
    let fails = true;
    const presence = createPresence({
      transactions: {
        unaudited: (...args) => (fails ? Promise.reject(new Error('away')) : subject.transactions.unaudited(...args)),
      },
      clock,
      log: createLogger({ level: 'fatal', clock: systemClock }),
    });
    presence.said(device.id, 'error');
    await presence.flush();
    fails = false;
    await presence.flush();
    expect((await device.get()).status).toBe('error');
    await presence.stop();
  });
});

test('history older than the organisation keeps is removed', async () => {
  const device = await aDevice();
  await database.admin.query(
    `insert into device_events (id, organisation_id, device_id, at, kind, status, reason)
     select gen_random_uuid(), $1, $2, now() - age * interval '1 day', 'status', 'online', 'test' from unnest(array[364, 366, 400]) as age`,
    [ann.organisationId, device.id],
  );
  await subject.job('devices.retention');
  expect(await device.events()).toHaveLength(1);
});
