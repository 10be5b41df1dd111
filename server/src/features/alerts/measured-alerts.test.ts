import { afterAll, beforeAll, expect, it } from 'vitest';
import { dataKeysOf } from '../../../../tests/support/data-keys.ts';
import { alertsUnderTest, until } from './alerts.builders.ts';

// What alerts quote of a person measured lies under the key of that person, and goes with them.

const SETTLED_MS = 60_000;
const start = Date.now() - 3_600_000;
let house: Awaited<ReturnType<typeof alertsUnderTest>>;
beforeAll(async () => {
  house = await alertsUnderTest();
});
afterAll(() => house?.stop());

const query = async (text: string, values: unknown[]) => (await house.database.admin.query(text, values)).rows;

async function aPerson(): Promise<string> {
  const made = await house.as(house.operator)('POST', '/subjects', { reference: `MRN-${Math.random()}` });
  expect(made.status, made.text).toBe(201);
  return made.json.id;
}

async function assign(deviceId: string, subjectId: string, from: number): Promise<string> {
  const since = new Date(from).toISOString();
  const made = await house.as(house.operator)('POST', `/devices/${deviceId}/assignments`, { subjectId, from: since });
  expect(made.status, made.text).toBe(201);
  return made.json.id;
}

async function aMonitor(name: string) {
  const device = await house.aWatchedDevice(name, { threshold: 100, condition: 'gt' });
  expect((await house.as(house.operator)('POST', '/telemetry/health', { deviceId: device.id })).status).toBe(200);
  return device;
}

/** Whose each sealed value is that there is of the device's alerts. */
async function owners(deviceId: string): Promise<string[]> {
  const rows = await query(
    `select distinct coalesce(subject_id::text, 'organisation') as owner from (
       select subject_id from alerts where device_id = $1 and (told_sealed is not null or peak_sealed is not null)
       union all select e.subject_id from alert_events e join alerts a on a.id = e.alert_id
         where a.device_id = $1 and e.note_sealed is not null
       union all select subject_id from alert_states where device_id = $1 and sealed is not null
     ) found order by 1`,
    [deviceId],
  );
  return rows.map(({ owner }) => owner);
}

it('is raised under the key of whom the device measures, and goes with them: at once for readers and copies, then from the tables', async () => {
  const device = await aMonitor('Bed 1');
  const ada = await aPerson();
  await assign(device.id, ada, start - 60_000);
  await until(
    async () => ((await query('select 1 from measured_changes', [])).length === 0 ? true : undefined),
    SETTLED_MS,
  );
  await house.send(device, [start, 150.5]);
  const raised = await house.alertOf(device.id, 'active');
  expect(raised).toMatchObject({ value: 150.5, peak: 150.5, health: true });
  expect(await owners(device.id)).toEqual([ada]);
  const [copy] = await query('select told_sealed from alerts where id = $1', [raised.id]);

  await house.freshProof(house.operator);
  expect((await house.as(house.operator)('DELETE', `/subjects/${ada}`)).status).toBe(204);
  const place = { organisation: house.organisationId, table: 'alerts', column: 'told_sealed', row: raised.id };
  await expect((await dataKeysOf(house)).open(copy.told_sealed, place, ada)).rejects.toMatchObject({
    problem: 'no-key',
  });
  const shown = await house.as(house.analyst)('GET', `/alerts/${raised.id}`);
  expect(shown.json).toMatchObject({ value: null, peak: null, detail: null });
  expect(shown.text).not.toContain('150.5');

  await until(async () => ((await owners(device.id)).length === 0 ? true : undefined), SETTLED_MS);
  const ended = (await house.as(house.analyst)('GET', `/alerts/${raised.id}`)).json;
  expect(ended).toMatchObject({ status: 'resolved', detail: null });
  expect(ended.events.map(({ note }: { note: string | null }) => note)).toEqual([null, 'whom it was about was erased']);
  // The rule begins anew, for whoever is measured next.
  await house.send(device, [start + 60_000, 160.25]);
  expect(await house.alertOf(device.id, 'active')).toMatchObject({ value: 160.25 });
  expect(await owners(device.id)).toEqual(['organisation']);
});

it('said after the fact whom the device measured, it is theirs from then on; taken back, it is the organisation’s', async () => {
  const device = await aMonitor('Bed 2');
  await house.send(device, [start, 150.5]);
  const { id } = await house.alertOf(device.id, 'active');
  expect(await owners(device.id)).toEqual(['organisation']);
  const ada = await aPerson();
  const assignment = await assign(device.id, ada, start - 60_000);
  const alertOwner = async () => (await query('select subject_id from alerts where id = $1', [id]))[0].subject_id;
  const noteOwners = async () =>
    (await query('select subject_id from alert_events where alert_id = $1', [id])).map((row) => row.subject_id);
  await until(async () => ((await alertOwner()) === ada ? true : undefined), SETTLED_MS);
  expect(await noteOwners()).toEqual([ada]);
  const seen = async () => (await house.as(house.analyst)('GET', `/alerts/${id}`)).json;
  expect(await seen()).toMatchObject({ value: 150.5, peak: 150.5 });
  expect((await seen()).events[0].note).toContain('150.5');
  // A worse value is theirs as well.
  await house.send(device, [start + 1000, 170.75]);
  await until(async () => ((await seen()).peak === 170.75 ? true : undefined));
  expect(await owners(device.id)).toEqual([ada]);

  await house.as(house.operator)('DELETE', `/devices/${device.id}/assignments/${assignment}`);
  await until(async () => ((await alertOwner()) === null ? true : undefined), SETTLED_MS);
  expect(await noteOwners()).toEqual([null]);
  expect(await seen()).toMatchObject({ value: 150.5, peak: 170.75 });
});
