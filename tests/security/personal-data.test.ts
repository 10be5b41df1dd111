import { type PersonalDataPolicy, personalDataHeader } from '@valtronics/contract';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fullMask } from '../../server/src/lib/masking.ts';
import { anApp, type Person, type TestApp } from '../support/app.ts';
import { aCertificateRequest } from '../support/certificate-requests.ts';
import { aLiveClient } from '../support/live.ts';
import { anMqttClient } from '../support/mqtt-client.ts';

// Personal data where none is expected, through the doors: stored and reported, hidden, or refused, as the organisation has it.

let app: TestApp;
let admin: Person;

beforeAll(async () => {
  app = await anApp();
  admin = await app.aPerson('admin');
});
afterAll(() => app.stop());

const call = (method: string, path: string, body?: unknown) =>
  app.call(method, path, { token: admin.accessToken, ...(body === undefined ? {} : { body }) });

async function setPolicy(personalDataPolicy: PersonalDataPolicy): Promise<void> {
  await app.freshProof(admin);
  const answer = await call('PATCH', '/api/v1/settings', { personalDataPolicy });
  expect([answer.status, answer.json.personalDataPolicy]).toEqual([200, personalDataPolicy]);
  // As long as a server may go by the policy before.
  await new Promise((resolve) => setTimeout(resolve, 1_100));
}

const register = (fields: Record<string, unknown>) =>
  call('POST', '/api/v1/devices', { name: 'Freezer 4', type: 'thermometer', ...fields });
const personal = {
  description: 'Ring +49 170 1234567 when it beeps',
  metadata: { contact: 'ada@example.org', floor: 3, ssn: 219099999, note: 'IBAN DE89 3704 0044 0532 0130 00' },
};

const storedTexts = async () =>
  (
    await app.database.admin.query(
      'select txt from points where txt is not null union all select txt from series_latest',
    )
  ).rows;

async function reported(count: number) {
  const read = async () =>
    (
      await app.database.admin.query(
        `select outcome, reason, details, user_id from security_events where action = 'personal_data.found' order by position`,
      )
    ).rows;
  await expect.poll(async () => (await read()).length, { timeout: 10_000 }).toBeGreaterThanOrEqual(count);
  return read();
}

describe('personal data in metadata and notes', () => {
  it('is stored and told where the policy is to warn, which it is unless somebody changed it', async () => {
    expect((await call('GET', '/api/v1/settings')).json.personalDataPolicy).toBe('warn');
    const answer = await register(personal);
    expect(answer.status).toBe(201);
    expect(answer.json.device).toMatchObject(personal);
    expect(answer.headers[personalDataHeader]).toBe(
      'description;kind=phone, metadata.contact;kind=email, metadata.ssn;kind=national_id, metadata.note;kind=account',
    );
    const event = (await reported(1)).at(-1);
    expect(event).toMatchObject({ outcome: 'success', reason: 'policy_warn', user_id: admin.userId });
    expect(event.details.fields).toContain('description: phone');
    expect(JSON.stringify(event)).not.toMatch(/170 1234567|ada@|219099999|DE89/);
  });

  it('is hidden before it is stored where the policy is to mask, and nothing else is', async () => {
    await setPolicy('mask');
    const answer = await register(personal);
    expect(answer.status).toBe(201);
    expect(answer.json.device.description).toBe(`Ring ${fullMask} when it beeps`);
    expect(answer.json.device.metadata).toEqual({
      contact: fullMask,
      floor: 3,
      ssn: fullMask,
      note: `IBAN ${fullMask}`,
    });
    expect(answer.headers[personalDataHeader]).toContain('description;kind=phone;masked');
    const { rows } = await app.database.admin.query('select description, metadata from devices where id = $1', [
      answer.json.device.id,
    ]);
    expect(JSON.stringify(rows)).not.toMatch(/170 1234567|ada@|219099999|DE89/);
  });

  it('is refused with the names of the fields where the policy is to refuse, and nothing is stored', async () => {
    await setPolicy('refuse');
    const count = async () => (await app.database.admin.query('select count(*)::int as n from devices')).rows[0].n;
    const before = await count();
    const answer = await register(personal);
    expect([answer.status, answer.json.code]).toEqual([400, 'personal_data']);
    expect(answer.json.errors).toContainEqual({ path: 'description', message: 'looks like a telephone number' });
    expect(answer.json.errors.map(({ path }: { path: string }) => path)).toEqual([
      'description',
      'metadata.contact',
      'metadata.ssn',
      'metadata.note',
    ]);
    expect(answer.text).not.toMatch(/170 1234567|ada@|219099999|DE89/);
    expect(await count()).toBe(before);
    expect((await reported(3)).at(-1)).toMatchObject({ outcome: 'failure', reason: 'policy_refuse' });
  });

  it('is no matter where it belongs: a person measured, and who is invited', async () => {
    const subject = await call('POST', '/api/v1/subjects', { reference: 'MRN 0012345', name: 'Mary Poppins' });
    expect([subject.status, subject.json.name]).toEqual([201, 'Mary Poppins']);
    await app.freshProof(admin);
    const invited = await call('POST', '/api/v1/users', { email: 'bert@example.org', name: 'Bert', role: 'user' });
    expect(invited.status).toBe(201);
  });

  it('what machines are called and say is taken where the policy is to refuse', async () => {
    await setPolicy('refuse');
    const answer = await register({
      name: 'sensor-4539148803436467',
      serial: '219-09-9999',
      description: 'Replaced board 378282246310005 on 2024-03-01, 12 345 678 cycles',
      metadata: { imei: '490154203237518', lastSeen: 1764423159123, ip: '192.0.2.7' },
    });
    expect([answer.status, answer.headers[personalDataHeader]]).toEqual([201, undefined]);
  });

  it('is looked for in the texts among measurements, whichever door they take', async () => {
    await setPolicy('refuse');
    const { id, token } = await app.aDevice(admin);
    const points = [
      { metric: 'state', value: 'running' },
      { metric: 'note', value: 'ask ada@example.org' },
      { metric: 'celsius', value: 4.5 },
      { metric: 'patient_name', value: 'Poppins' },
    ];
    const send = () => app.call('POST', '/api/v1/telemetry', { token, body: { points } });
    const refused = await send();
    expect([refused.status, refused.json.accepted]).toEqual([200, 2]);
    expect(refused.json.rejected.map(({ index, code }: { index: number; code: string }) => [index, code])).toEqual([
      [1, 'personal_data'],
      [3, 'personal_data'],
    ]);
    await setPolicy('mask');
    expect((await send()).json.accepted).toBe(4);
    const shown = async () => {
      const latest = await call('GET', `/api/v1/telemetry/latest?deviceId=${id}`);
      const texts = latest.json.items.filter(({ value }: { value: unknown }) => typeof value === 'string');
      return Object.fromEntries(texts.map(({ metric, value }: Record<string, string>) => [metric, value]));
    };
    await expect
      .poll(shown, { timeout: 10_000 })
      .toEqual({ state: 'running', note: `ask ${fullMask}`, patient_name: fullMask });
    expect(JSON.stringify(await storedTexts())).not.toMatch(/ada@|Poppins/);
    await setPolicy('refuse');
    const mqtt = await anMqttClient(app.mqttPort, { username: id, password: token });
    await mqtt.subscribe(`valtronics/devices/${id}/errors`);
    await mqtt.publish(`valtronics/devices/${id}/telemetry`, JSON.stringify({ points }));
    await expect
      .poll(() => mqtt.received.map(({ text }) => text).join(), { timeout: 10_000 })
      .toContain('personal data');
    await mqtt.end();
    const live = await aLiveClient(app, token);
    live.say({ type: 'publish', id: 'p', points });
    await expect
      .poll(() => live.received.find(({ type }) => type === 'accepted'), { timeout: 10_000 })
      .toMatchObject({ rejected: [{ code: 'personal_data' }, { code: 'personal_data' }] });
    live.socket.terminate();
    expect(JSON.stringify(await storedTexts())).not.toMatch(/ada@|Poppins/);
    const doors = async () =>
      (
        await app.database.admin.query(
          `select distinct transport from security_events where action = 'personal_data.found' and device_id = $1 order by 1`,
          [id],
        )
      ).rows.map(({ transport }) => transport);
    await expect.poll(doors, { timeout: 10_000 }).toEqual(['http', 'mqtt', 'websocket']);
  });

  it('is looked for in the name a new device gives itself, by the policy of whoever made its claim', async () => {
    await setPolicy('mask');
    await app.freshProof(admin);
    const made = await call('POST', '/api/v1/device-provisioning/claims', { count: 1, deviceType: 'monitor' });
    const body = { claimToken: made.json.claims[0].token, name: 'Of ada@example.org', csr: aCertificateRequest().csr };
    const enrolled = await app.call('POST', '/api/v1/device-provisioning/enrol', { body });
    expect(enrolled.status).toBe(201);
    const { rows } = await app.database.admin.query('select name from devices where id = $1', [enrolled.json.deviceId]);
    expect(rows).toEqual([{ name: `Of ${fullMask}` }]);
  });

  it('is looked for in what a device raises over MQTT', async () => {
    await setPolicy('mask');
    const { id, token } = await app.aDevice(admin);
    const device = await anMqttClient(app.mqttPort, { username: id, password: token });
    const alert = { title: 'Help', severity: 'warning', description: 'call +49 170 1234567' };
    await device.publish(`valtronics/${id}/alert`, JSON.stringify(alert));
    const raised = async () => (await app.database.admin.query('select title, detail from alerts')).rows;
    await expect.poll(raised, { timeout: 10_000 }).toEqual([{ title: 'Help', detail: `call ${fullMask}` }]);
    await device.end();
  });

  it('the policy of one organisation is not that of another', async () => {
    const other = await app.aPerson('admin', await app.anotherOrganisation());
    const answer = await app.call('POST', '/api/v1/devices', {
      token: other.accessToken,
      body: { name: 'Pump', type: 'pump', ...personal },
    });
    expect([answer.status, answer.json.device.description]).toEqual([201, personal.description]);
  });
});
