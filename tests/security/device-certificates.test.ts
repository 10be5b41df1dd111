import { setTimeout as sleep } from 'node:timers/promises';
import { connect, type TLSSocket } from 'node:tls';
import type { IClientOptions } from 'mqtt';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  createDeviceAuthority,
  type DeviceAuthority,
  openDeviceAuthority,
} from '../../server/src/security/crypto/certificates/device-authority.ts';
import { anApp, freshAddress, type Person, type TestApp } from '../support/app.ts';
import {
  aCertifiedDevice,
  aDeviceConnection,
  authorityOf,
  type CertifiedDevice,
  callAsDevice,
  type Identity,
  signedBy,
} from '../support/device-certificates.ts';
import { anMqttClient, settlesWithin } from '../support/mqtt-client.ts';
import { aSelfSignedCertificate } from '../support/self-signed-certificate.ts';

// A certificate opens two doors: MQTT, where it may come instead of a token, and the HTTPS port that lets nobody in without one.

const SCRAPE_TOKEN = 'scrape-token-of-the-device-certificates-test';
const DAY_MS = 86_400_000;
/** What the interface promises of a revocation, everywhere. */
const WITHIN_MS = 1000;
let app: TestApp;
let second: TestApp;
let admin: Person;
let authority: DeviceAuthority;
let device: CertifiedDevice;
let other: CertifiedDevice;
beforeAll(async () => {
  const env = {
    VALTRONICS_DEVICE_PORT: '0',
    VALTRONICS_KEY_PORT: '0',
    VALTRONICS_METRICS_TOKEN: SCRAPE_TOKEN,
    VALTRONICS_LOG_LEVEL: 'fatal',
  };
  app = await anApp({ env });
  second = await anApp({ env, beside: app });
  admin = await app.aPerson('admin');
  authority = await authorityOf(app);
  [device, other] = [await aCertifiedDevice(app, admin), await aCertifiedDevice(app, admin)];
});
afterAll(async () => {
  await second?.stop();
  await app?.stop();
});

const points = (value: number) => ({ points: [{ metric: 'temperature', value }] });
const topicOf = ({ id }: { id: string }) => `valtronics/devices/${id}/telemetry`;

const mqttAs = (identity: Partial<Identity>, options: IClientOptions = {}, to = app) =>
  anMqttClient(to.mqttPort, { ...pair(identity), ...options });

async function valuesOf({ id }: { id: string }): Promise<number[]> {
  const [from = '', to = ''] = [-3_600_000, 3_600_000].map((offset) => new Date(Date.now() + offset).toISOString());
  const query = new URLSearchParams({ deviceId: id, metric: 'temperature', from, to });
  const { json } = await app.call('GET', `/api/v1/telemetry?${query}`, { token: admin.accessToken });
  return json.items.map(({ value }: { value: number }) => value).toSorted();
}

const revoke = ({ id, certificateId }: CertifiedDevice, query = '') =>
  app.call('DELETE', `/api/v1/devices/${id}/certificates/${certificateId}${query}`, { token: admin.accessToken });

async function refusals(transport: 'http' | 'mqtt', of = app): Promise<number> {
  const { status, text } = await of.call('GET', '/metrics', { token: SCRAPE_TOKEN, from: freshAddress() });
  expect(status).toBe(200);
  const line = `valtronics_gate_refusals_total{transport="${transport}",reason="not_authenticated"}`;
  return Number(
    text
      .split('\n')
      .find((one) => one.startsWith(line))
      ?.slice(line.length) ?? 0,
  );
}

type Bad = readonly [string, () => Promise<Partial<Identity>>];
/** What TLS itself finds fault with. */
const badAtHandshake: readonly Bad[] = [
  ['of another authority', async () => signedBy(await aForeignAuthority(), device.id)],
  [
    'of another authority, put into the database',
    async () => signedBy(await aForeignAuthority(), device.id, { keepIn: app }),
  ],
  ['signed by itself', async () => aSelfSignedCertificate(device.id)],
  [
    'that has expired',
    () => signedBy(authority, device.id, { now: new Date(Date.now() - 3 * DAY_MS), validDays: 1, keepIn: app }),
  ],
  ['that is not yet valid', () => signedBy(authority, device.id, { now: new Date(Date.now() + DAY_MS), keepIn: app })],
];
/** What verifies, and still is not a certificate of ours in force. */
const badBehindIt: readonly Bad[] = [
  ['of the right name and authority that was never issued', () => signedBy(authority, device.id)],
  [
    'that was revoked',
    async () => {
      const revoked = await aCertifiedDevice(app, admin);
      expect((await revoke(revoked)).status).toBe(204);
      return revoked;
    },
  ],
  [
    'of a device that was deleted',
    async () => {
      const deleted = await aCertifiedDevice(app, admin);
      await app.call('DELETE', `/api/v1/devices/${deleted.id}`, { token: admin.accessToken });
      return deleted;
    },
  ],
];
const pair = ({ cert, key }: Partial<Identity>) => ({ ...(cert && { cert }), ...(key && { key }) });
const aForeignAuthority = async () => openDeviceAuthority(await createDeviceAuthority(new Date()));

describe('MQTT', () => {
  it.each([
    ['the device’s id as username', () => ({ username: device.id })],
    ['the id in capitals', () => ({ username: device.id.toUpperCase() })],
    ['no username', () => ({})],
    ['an empty username', () => ({ username: '' })],
  ])('[ASVS 12.1.3] with a certificate and %s: the device is itself, and its points arrive', async (_, options) => {
    const client = await mqttAs(device, { clientId: 'c', ...options() });
    const value = Math.random();
    await client.publish(topicOf(device), JSON.stringify(points(value)));
    expect(await valuesOf(device)).toContain(value);
    await client.end();
  });

  it('a token still lets in without a certificate', async () => {
    const client = await mqttAs({}, { username: device.id, password: device.token });
    await client.publish(topicOf(device), JSON.stringify(points(1)));
    await client.end();
  });

  it.each([...badAtHandshake, ...badBehindIt])('a certificate %s is refused and counted', async (_, make) => {
    const identity = await make();
    const before = await refusals('mqtt');
    await expect(mqttAs(identity, { username: '' })).rejects.toMatchObject({ code: 4 });
    expect(await refusals('mqtt')).toBe(before + 1);
  });

  it('a certificate of another device than the username is refused and counted', async () => {
    const before = await refusals('mqtt');
    await expect(mqttAs(other, { username: device.id })).rejects.toMatchObject({ code: 4 });
    expect(await refusals('mqtt')).toBe(before + 1);
  });

  it('a bad certificate is not made good by a token, not even one of the device', async () => {
    const bad = await signedBy(await aForeignAuthority(), other.id);
    const options = { username: other.id, password: other.token };
    await expect(mqttAs(bad, options)).rejects.toMatchObject({ code: 4 });
    await (await mqttAs({}, options)).end();
  });

  it('another device’s topic stays another device’s', async () => {
    const client = await mqttAs(device);
    expect(await client.subscribe(`valtronics/devices/${other.id}/commands/#`)).toEqual([128]);
    await client.end();
  });

  it.each([
    ['of the server it was revoked on', () => app],
    ['of every other server', () => second],
  ])('a revocation ends open connections %s within a second, and no new one begins', async (_, where) => {
    const mine = await aCertifiedDevice(app, admin);
    const client = await mqttAs(mine, {}, where());
    expect((await revoke(mine)).status).toBe(204);
    expect(await settlesWithin(WITHIN_MS, client.closed)).toBe(true);
    await expect(mqttAs(mine, { username: '' }, where())).rejects.toMatchObject({ code: 4 });
  });

  it('another certificate of the same device goes on: rotation with overlap', async () => {
    const mine = await aCertifiedDevice(app, admin);
    const next = await app.call('POST', `/api/v1/devices/${mine.id}/certificates`, {
      token: admin.accessToken,
      body: { label: 'next' },
    });
    const [before, after] = [
      await mqttAs(mine, { clientId: 'before' }),
      await mqttAs({ cert: next.json.pem, key: next.json.privateKeyPem }, { clientId: 'after' }),
    ];
    await revoke(mine);
    expect(await settlesWithin(WITHIN_MS, before.closed)).toBe(true);
    await after.publish(topicOf(mine), JSON.stringify(points(7)));
    expect(await valuesOf(mine)).toEqual([7]);
    await after.end();
  });
});

describe('HTTPS on the port for devices', () => {
  it('stores what the device of the certificate sends, and nothing in the request says who it is', async () => {
    const mine = await aCertifiedDevice(app, admin);
    const answer = await callAsDevice(app, mine, 'POST', '/api/v1/telemetry', { body: points(4) });
    expect([answer.status, answer.json]).toEqual([200, { accepted: 1, duplicates: 0, rejected: [] }]);
    expect(await valuesOf(mine)).toEqual([4]);
  });

  it.each(badAtHandshake)('[ASVS 12.1.3] a certificate %s ends at the handshake, and is counted', async (_, make) => {
    const identity = await make();
    const before = await refusals('http');
    await expect(callAsDevice(app, identity, 'POST', '/api/v1/telemetry', { body: points(5) })).rejects.toThrow();
    expect(await refusals('http')).toBe(before + 1);
  });

  it('no certificate ends at the handshake, even with a good token, and is counted', async () => {
    const before = await refusals('http');
    const headers = { authorization: `Bearer ${device.token}` };
    const answer = callAsDevice(app, {}, 'POST', '/api/v1/telemetry', { body: points(5), headers });
    await expect(answer).rejects.toThrow();
    expect(await refusals('http')).toBe(before + 1);
  });

  it.each(badBehindIt)('a certificate %s is answered 401 and counted', async (_, make) => {
    const identity = await make();
    const before = await refusals('http');
    const answer = await callAsDevice(app, identity, 'POST', '/api/v1/telemetry', { body: points(5) });
    expect([answer.status, answer.json.code]).toEqual([401, 'not_authenticated']);
    expect(await refusals('http')).toBe(before + 1);
  });

  it('serves nothing of people: neither API, nor open endpoints, nor the web', async () => {
    const token = { authorization: `Bearer ${admin.accessToken}` };
    for (const path of [
      '/',
      '/api/v1/devices',
      '/api/v1/auth/me',
      '/health/live',
      '/metrics',
      '/api/v1/live',
      '/docs',
    ]) {
      for (const headers of [{}, token]) {
        const { status } = await callAsDevice(app, device, 'GET', path, { headers });
        expect([path, status]).toEqual([path, 404]);
      }
    }
    const login = { email: admin.email, password: admin.password };
    expect((await callAsDevice(app, device, 'POST', '/api/v1/auth/login', { body: login })).status).toBe(404);
  });

  it('a token beside the certificate is refused, be it of the same device: there is one sender', async () => {
    for (const { token } of [other, device]) {
      const headers = { authorization: `Bearer ${token}` };
      const answer = await callAsDevice(app, device, 'POST', '/api/v1/telemetry', { body: points(6), headers });
      expect(answer.status).toBe(401);
    }
  });

  it.each([
    ['the server it was revoked on', () => app],
    ['every other server', () => second],
  ])('on a connection that is kept, %s refuses a revoked certificate within a second', async (_, where) => {
    const mine = await aCertifiedDevice(app, admin);
    const socket = await aDeviceConnection(where(), mine);
    const send = (value: number) =>
      callAsDevice(where(), mine, 'POST', '/api/v1/telemetry', { body: points(value), socket });
    for (const value of [1, 2]) expect((await send(value)).status).toBe(200);
    expect((await revoke(mine)).status).toBe(204);
    if (where() === second) await sleep(WITHIN_MS);
    expect((await send(3)).status).toBe(401);
    socket.destroy();
    expect(await valuesOf(mine)).toEqual([1, 2]);
  });
});

describe('no session is resumed where certificates are asked for', () => {
  it.each([
    ['MQTT', () => app.mqttPort],
    ['HTTPS for devices', () => app.devicePort],
    ['HTTPS for keys', () => app.keyPort],
  ])('%s hands out no ticket that works', async (_, port) => {
    const dial = (session?: Buffer) =>
      connect({ host: '127.0.0.1', port: port(), servername: 'localhost', ca: app.ca, ...pair(device), session });
    const tickets: Buffer[] = [];
    const first = dial();
    first.on('session', (ticket) => tickets.push(ticket));
    await ready(first);
    await sleep(300);
    first.destroy();
    for (const ticket of tickets) {
      const next = dial(ticket);
      await ready(next);
      expect(next.isSessionReused()).toBe(false);
      next.destroy();
    }
  });

  it('a client that resumes would be seen: the port for people does resume', async () => {
    const dial = (session?: Buffer) =>
      connect({ host: '127.0.0.1', port: app.httpPort, servername: 'localhost', ca: app.ca, session });
    const first = dial();
    const ticket = new Promise<Buffer>((resolve) => first.once('session', resolve));
    await ready(first);
    const next = dial(await ticket);
    await ready(next);
    expect(next.isSessionReused()).toBe(true);
    for (const socket of [first, next]) socket.destroy();
  });

  const ready = (socket: TLSSocket) =>
    new Promise<void>((resolve, reject) => {
      socket.on('error', reject);
      socket.once('secureConnect', resolve);
    });
});
