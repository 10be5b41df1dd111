import { afterAll, beforeAll, expect, it } from 'vitest';
import { dataKeysOf } from '../../../../tests/support/data-keys.ts';
import { aWebhookReceiver } from '../../../../tests/support/webhook-receiver.ts';
import { systemClock } from '../../lib/clock.ts';
import { createTransactions } from '../../security/audit/transactions.ts';
import { createMeasuredPersons } from '../telemetry/measured-persons.ts';
import { createAlertSeals } from './alert-seals.ts';
import { alertsUnderTest, until } from './alerts.builders.ts';
import { raiseByDevice } from './device-alert.service.ts';

// A rule over a series of class health works as any other, and no value of it stands anywhere in the database or leaves by itself.

/** Values no other row of the test holds. */
const [FIRST, WORST, LAST] = [173.2817, 191.6403, 7.015629];
const needles = [FIRST, WORST, LAST].map(String);

let house: Awaited<ReturnType<typeof alertsUnderTest>>;
beforeAll(async () => {
  house = await alertsUnderTest();
});
afterAll(() => house?.stop());

async function quotedIn(): Promise<string[]> {
  const { rows: tables } = await house.database.admin.query(
    "select c.oid::regclass::text as name from pg_class c where c.relkind = 'r' and c.relnamespace = 'public'::regnamespace",
  );
  const found: string[] = [];
  for (const { name } of tables) {
    const { rows } = await house.database.admin.query(
      `select 1 from ${name} t where exists (select from unnest($1::text[]) n where t::text like '%' || n || '%') limit 1`,
      [needles],
    );
    if (rows.length > 0) found.push(name);
  }
  return found;
}

const start = Date.now() - 60_000;
const mark = (deviceId: string) => house.as(house.operator)('POST', '/telemetry/health', { deviceId });

it('is raised, worsens and clears, told to whoever may see it and to nobody else', async () => {
  const receiver = await aWebhookReceiver();
  const channel = { name: 'Ward', kind: 'webhook', target: receiver.url, minimumSeverity: 'info' };
  expect((await house.as(house.admin)('POST', '/notification-channels', channel)).status).toBe(201);
  const device = await house.aWatchedDevice('Monitor', { threshold: 100, condition: 'gt' });
  const rising = await house.as(house.operator)('POST', '/alert-rules', {
    ...{
      name: 'Rises',
      metric: 'temperature',
      condition: 'rises_by',
      threshold: 500,
      perSeconds: 3600,
      severity: 'info',
    },
    deviceId: device.id,
  });
  expect(rising.status, rising.text).toBe(201);
  expect((await mark(device.id)).status).toBe(200);
  await house.send(device, [start, FIRST]);
  const raised = await house.alertOf(device.id, 'active');
  expect(raised).toMatchObject({ health: true, value: FIRST, peak: FIRST });
  expect(raised.detail).toContain('it was 173.2817');
  await house.send(device, [start + 1000, WORST]);
  await until(async () => {
    const { json } = await house.as(house.analyst)('GET', `/alerts/${raised.id}`);
    return json.peak === WORST ? json : undefined;
  });
  await house.send(device, [start + 2000, LAST]);
  await house.alertOf(device.id, 'resolved');
  const whole = (await house.as(house.analyst)('GET', `/alerts/${raised.id}`)).json;
  const notes = whole.events.map(({ note }: { note: string | null }) => note ?? '');
  expect(notes.some((note: string) => note.includes('it was 173.2817'))).toBe(true);
  expect(notes.some((note: string) => note.includes('temperature was 7.015629'))).toBe(true);

  const user = await house.aPerson('user');
  const seen = [
    await house.as(user)('GET', `/alerts/${raised.id}`),
    await house.as(user)('GET', `/alerts?deviceId=${device.id}`),
  ];
  expect(seen[0]?.json).toMatchObject({ health: true, value: null, peak: null, detail: null, status: 'resolved' });
  expect(seen[1]?.json.items).toMatchObject([{ id: raised.id, value: null, peak: null, detail: null }]);
  for (const { text } of seen) for (const needle of ['173.28', '191.64', '7.0156']) expect(text).not.toContain(needle);

  const messages = await until(async () => (receiver.received.length >= 2 ? receiver.received : undefined));
  for (const { body } of messages) {
    expect(JSON.parse(String(body)).data.alert).toMatchObject({ health: true, value: null, peak: null, detail: null });
    for (const needle of ['173.28', '191.64', '7.0156']) expect(String(body)).not.toContain(needle);
  }
  await receiver.close();
  expect(await quotedIn()).toEqual([]);
  const { rows } = await house.database.admin.query('select state, sealed is not null as sealed from alert_states');
  expect(rows).toEqual([
    { state: '', sealed: true },
    { state: '', sealed: true },
  ]);
});

it('a rule goes on where it stood when the server has forgotten its state', async () => {
  const device = await house.aWatchedDevice('Restarted', { threshold: 100, condition: 'gt' });
  await mark(device.id);
  await house.send(device, [start, FIRST]);
  const raised = await house.alertOf(device.id, 'active');
  // Rules are told that the device has changed, and drop what they remember of it: as after a restart, the state comes from the database.
  const changed = await house.as(house.operator)('PATCH', `/devices/${device.id}`, { type: 'other' });
  expect(changed.status, changed.text).toBe(200);
  await house.send(device, [start + 1000, LAST]);
  expect((await house.alertOf(device.id, 'resolved')).id).toBe(raised.id);
});

it('what was raised before it was marked is sealed as well, with its history and what its rule remembers', async () => {
  const device = await house.aWatchedDevice('Marked later', { threshold: 100, condition: 'gt' });
  await house.send(device, [start, FIRST]);
  await house.alertOf(device.id, 'active');
  expect(await quotedIn()).toEqual(expect.arrayContaining(['alerts', 'alert_states']));
  await mark(device.id);
  await until(
    async () => ((await quotedIn()).filter((table) => !table.startsWith('telemetry_')).length === 0 ? true : undefined),
    45_000,
  );
  expect(await house.alertOf(device.id, 'active')).toMatchObject({ health: true, value: FIRST, peak: FIRST });
  await house.send(device, [start + 1000, LAST]);
  await house.alertOf(device.id, 'resolved');
});

it('what a device of that class says itself is sealed but for its title', async () => {
  const { id } = await house.aDevice(house.operator, { name: 'Talker', health: true });
  const seals = createAlertSeals(
    await dataKeysOf(house),
    createMeasuredPersons({ transactions: createTransactions(house.database), clock: systemClock }),
  );
  const device = { kind: 'device', deviceId: id, organisationId: house.organisationId } as never;
  const clock = { now: Date.now, date: () => new Date() };
  for (const severity of ['info', 'critical'] as const)
    await createTransactions(house.database).unaudited(house.organisationId, 'device_alert', (tx) =>
      raiseByDevice(tx, device, { title: 'Apnoea', severity, description: `pulse ${WORST}` }, { clock, seals }),
    );
  expect(await house.alertOf(id, 'active')).toMatchObject({
    title: 'Apnoea',
    severity: 'critical',
    detail: `pulse ${WORST}`,
  });
  expect((await quotedIn()).filter((table) => table.startsWith('alert'))).toEqual([]);
});

it('what somebody altered takes no list along, and the alert of a rule whose memory was altered still ends', async () => {
  const [device, other] = [
    await house.aWatchedDevice('Altered', { threshold: 100, condition: 'gt' }),
    await house.aWatchedDevice('Beside it', { threshold: 100, condition: 'gt' }),
  ];
  for (const { id } of [device, other]) await mark(id);
  for (const one of [device, other]) await house.send(one, [start, FIRST]);
  const raised = await house.alertOf(device.id, 'active');
  await house.alertOf(other.id, 'active');
  const flip = (column: string) => `${column} = set_byte(${column}, 80, get_byte(${column}, 80) # 1)`;
  await house.database.admin.query(`update alerts set ${flip('told_sealed')} where id = $1`, [raised.id]);
  await house.database.admin.query(`update alert_events set ${flip('note_sealed')} where alert_id = $1`, [raised.id]);
  await house.database.admin.query(`update alert_states set ${flip('sealed')} where device_id = $1`, [device.id]);

  const { json } = await house.as(house.analyst)('GET', '/alerts?status=active');
  expect(json.items.find(({ id }: { id: string }) => id === raised.id)).toMatchObject({
    detail: 'unreadable',
    value: null,
  });
  expect(json.items.find(({ deviceId }: { deviceId: string }) => deviceId === other.id)).toMatchObject({
    value: FIRST,
  });
  expect(await house.as(house.analyst)('GET', `/alerts/${raised.id}`)).toMatchObject({
    status: 200,
    json: { detail: 'unreadable', events: [{ kind: 'raised', note: null }] },
  });

  // Rules are told that the device has changed, and read what they remember of it from the database.
  await house.as(house.operator)('PATCH', `/devices/${device.id}`, { type: 'other' });
  await house.send(device, [start + 1000, FIRST + 1]);
  await house.send(device, [start + 2000, LAST]);
  expect((await house.alertOf(device.id, 'resolved')).id).toBe(raised.id);
  const { rows } = await house.database.admin.query('select id from alerts where device_id = $1', [device.id]);
  expect(rows).toHaveLength(1);
});
