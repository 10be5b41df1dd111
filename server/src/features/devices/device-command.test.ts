import { setTimeout as sleep } from 'node:timers/promises';
import * as contract from '@valtronics/contract';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { aDatabase, type TestDatabase } from '../../../../tests/support/database.ts';
import { anOrganisation, devicesUnderTest } from '../../../../tests/support/devices.ts';
import { eventually } from '../../../../tests/support/mqtt-client.ts';
import { newId } from '../../lib/ids.ts';
import type { UserPrincipal } from '../../security/access/principal.ts';

let database: TestDatabase;
let subject: Awaited<ReturnType<typeof devicesUnderTest>>;
let ann: UserPrincipal;

beforeAll(async () => {
  database = await aDatabase();
  subject = await devicesUnderTest(database);
  ann = await anOrganisation(database);
  await subject.seal();
});
afterAll(async () => {
  await subject.stop();
  await database.drop();
});

async function aDevice() {
  const { device, credential } = await subject.call(ann, contract.deviceRegister, {
    body: { name: 'Pump', type: 'pump' },
  });
  const topic = (rest: string) => `valtronics/devices/${device.id}/${rest}`;
  const connect = async (...filters: string[]) => {
    const client = await subject.connect(device.id, credential.token);
    if (filters.length > 0) await client.subscribe(...filters.map(topic));
    return client;
  };
  const send = (body: object = {}) =>
    subject.call(ann, contract.commandSend, { params: { id: device.id }, body: { name: 'set_speed', ...body } });
  const commands = async () => (await subject.call(ann, contract.commandsList, { params: { id: device.id } })).items;
  const becomes = (status: string) =>
    eventually(`the command is ${status}`, async () => (await commands())[0]?.status === status);
  return { id: device.id, topic, connect, send, commands, becomes };
}

test('a command reaches the device, is sent, and acknowledged by its answer', async () => {
  const device = await aDevice();
  const client = await device.connect('commands/#');
  const { id, status, createdBy } = await device.send({ payload: { rpm: 900 } });
  expect([status, createdBy]).toEqual(['pending', 'Ann']);
  await eventually('it arrives', () => client.received.length === 1);
  expect(client.received[0]?.topic).toBe(device.topic(`commands/${id}`));
  expect(JSON.parse(client.received[0]?.text ?? '')).toEqual({ id, name: 'set_speed', payload: { rpm: 900 } });
  await device.becomes('sent');
  await client.publish(device.topic(`responses/${id}`), JSON.stringify({ status: 'ok', rpm: 900 }));
  expect(await device.commands()).toMatchObject([
    {
      status: 'acknowledged',
      response: { status: 'ok', rpm: 900 },
      sentAt: expect.any(String),
      finishedAt: expect.any(String),
    },
  ]);
  await client.end();
});

test('the older scheme answers too, with request_id or command_id, and may say that it failed', async () => {
  const device = await aDevice();
  const client = await device.connect('commands/#');
  for (const key of ['request_id', 'command_id']) {
    const { id } = await device.send();
    await client.publish(
      `valtronics/${device.id}/response`,
      JSON.stringify({ [key]: id, status: 'error', reason: 'stuck' }),
    );
    expect((await device.commands())[0]).toMatchObject({ id, status: 'failed', response: { reason: 'stuck' } });
  }
  await client.end();
});

test('a command for a device that is away waits and is handed over when it subscribes, oldest first', async () => {
  const device = await aDevice();
  const ids = [(await device.send()).id, (await device.send()).id];
  expect((await device.commands()).map(({ status }) => status)).toEqual(['pending', 'pending']);
  const client = await device.connect('commands/#');
  await eventually('both arrive', () => client.received.length === 2);
  expect(client.received.map(({ text }) => JSON.parse(text).id)).toEqual(ids);
  await device.becomes('sent');
  await client.end();
  // Confirmed once, so not handed over again.
  const again = await device.connect('commands/#');
  await sleep(200);
  expect(again.received).toEqual([]);
  await again.end();
});

test('without an answer it times out; a late answer is kept and does not change that', async () => {
  const device = await aDevice();
  const { id } = await device.send({ timeoutSeconds: 1 });
  await subject.job('devices.command_timeouts');
  expect((await device.commands())[0]?.status).toBe('pending');
  await sleep(1100);
  await subject.job('devices.command_timeouts');
  expect((await device.commands())[0]).toMatchObject({ status: 'timed_out', finishedAt: expect.any(String) });
  const client = await device.connect('commands/#');
  await client.publish(device.topic(`responses/${id}`), JSON.stringify({ status: 'ok' }));
  expect((await device.commands())[0]).toMatchObject({ status: 'timed_out', response: { status: 'ok' } });
  expect(client.received).toEqual([]);
  await client.end();
});

test('the first answer counts; a repetition is taken and changes nothing', async () => {
  const device = await aDevice();
  const client = await device.connect('errors');
  const { id } = await device.send();
  await client.publish(device.topic(`responses/${id}`), JSON.stringify({ status: 'ok', n: 1 }));
  await client.publish(device.topic(`responses/${id}`), JSON.stringify({ status: 'error', n: 2 }));
  expect((await device.commands())[0]).toMatchObject({ status: 'acknowledged', response: { n: 1 } });
  expect(client.received).toEqual([]);
  await client.end();
});

test('an answer to another device’s command, to none, or malformed is told on the errors topic', async () => {
  const [mine, other] = [await aDevice(), await aDevice()];
  const { id } = await other.send();
  const client = await mine.connect('errors');
  await client.publish(mine.topic(`responses/${id}`), '{"status":"ok"}');
  await client.publish(mine.topic(`responses/${newId()}`), '{"status":"ok"}');
  await client.publish(mine.topic('responses/7'), '{"status":"ok"}');
  await client.publish(mine.topic(`responses/${id}`), 'ok');
  await client.publish(mine.topic(`responses/${id}`), '{"status":"fine"}');
  await client.publish(mine.topic(`responses/${(await mine.send()).id}`), '{"status":"ok","x":"\\u0000"}');
  await eventually('all are told', () => client.received.length === 6);
  expect(client.received.map(({ text }) => JSON.parse(text).code)).toEqual([
    'not_found',
    'not_found',
    'invalid_request',
    'malformed_json',
    'invalid_request',
    'invalid_request',
  ]);
  expect((await other.commands())[0]).toMatchObject({ status: 'pending', response: null });
  await client.end();
});

test('the history is paged, newest first, and unanswered commands are bounded', async () => {
  const device = await aDevice();
  const ids: string[] = [];
  for (let n = 0; n < 100; n += 1) ids.unshift((await device.send()).id);
  await expect(device.send()).rejects.toMatchObject({ code: 'conflict' });
  const first = await subject.call(ann, contract.commandsList, { params: { id: device.id }, query: { limit: '60' } });
  const second = await subject.call(ann, contract.commandsList, {
    params: { id: device.id },
    query: { limit: '60', cursor: first.nextCursor ?? '' },
  });
  expect([...first.items, ...second.items].map(({ id }) => id)).toEqual(ids);
  expect(second.nextCursor).toBeNull();
});
