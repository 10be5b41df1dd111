import type { TLSSocket } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { anApp, type Person, type TestApp } from '../support/app.ts';
import { aSocket } from '../support/raw-http.ts';

// A device keeps its connection, and the gate remembers what let it in there. What it remembers must never outlive the credential, and
// never speak for anybody else who sends on the same connection.
let app: TestApp;
let admin: Person;
beforeAll(async () => {
  app = await anApp({ env: { VALTRONICS_TRUSTED_PROXIES: '127.9.0.0/16' } });
  admin = await app.aPerson('admin');
});
afterAll(() => app?.stop());

/** One request, answered before the next is sent on the same connection. */
function sends(socket: TLSSocket, token: string | undefined, value: number): Promise<{ status: number; body: string }> {
  const body = JSON.stringify({ points: [{ metric: 'temperature', value }] });
  const credential = token === undefined ? [] : [`authorization: Bearer ${token}`];
  const head = [
    'POST /api/v1/telemetry HTTP/1.1',
    'host: localhost',
    ...credential,
    'content-type: application/json',
    `content-length: ${body.length}`,
  ];
  return new Promise((resolve, reject) => {
    let text = '';
    const onData = (chunk: Buffer) => {
      text += chunk.toString('latin1');
      const [top = '', rest] = text.split('\r\n\r\n', 2);
      const length = Number(/content-length: (\d+)/i.exec(top)?.[1]);
      if (rest === undefined || rest.length < length) return;
      socket.off('data', onData);
      resolve({ status: Number(/^HTTP\/1\.1 (\d+)/.exec(top)?.[1]), body: rest });
    };
    socket.on('data', onData);
    socket.once('close', () => reject(new Error('the server closed the connection')));
    socket.write(`${head.join('\r\n')}\r\n\r\n${body}`);
  });
}
const aConnection = async (from?: string) => (await aSocket(app, from)) as TLSSocket;

async function pointsOf(device: { id: string }): Promise<number[]> {
  const [from = '', to = ''] = [-3_600_000, 3_600_000].map((offset) => new Date(Date.now() + offset).toISOString());
  const query = new URLSearchParams({ deviceId: device.id, metric: 'temperature', from, to });
  const { json } = await app.call('GET', `/api/v1/telemetry?${query}`, { token: admin.accessToken });
  return json.items.map(({ value }: { value: number }) => value).toSorted();
}

describe('on a connection that is kept', () => {
  it('a revoked credential is refused at the very next request', async () => {
    const device = await app.aDevice(admin);
    const socket = await aConnection();
    for (const value of [1, 2]) expect(await sends(socket, device.token, value)).toMatchObject({ status: 200 });
    const listed = await app.call('GET', `/api/v1/devices/${device.id}/credentials`, { token: admin.accessToken });
    const path = `/api/v1/devices/${device.id}/credentials/${listed.json.items[0].id}`;
    expect((await app.call('DELETE', path, { token: admin.accessToken })).status).toBe(204);
    expect(await sends(socket, device.token, 3)).toMatchObject({ status: 401 });
    socket.destroy();
    expect(await pointsOf(device)).toEqual([1, 2]);
  });

  it('news of another device do not shut this one out', async () => {
    const [device, other] = [await app.aDevice(admin), await app.aDevice(admin)];
    const socket = await aConnection();
    expect(await sends(socket, device.token, 1)).toMatchObject({ status: 200 });
    await app.call('DELETE', `/api/v1/devices/${other.id}`, { token: admin.accessToken });
    for (const value of [2, 3]) expect(await sends(socket, device.token, value)).toMatchObject({ status: 200 });
    expect(await sends(socket, other.token, 4)).toMatchObject({ status: 401 });
    socket.destroy();
    expect(await pointsOf(device)).toEqual([1, 2, 3]);
  });

  it.each([
    ['straight from the sender', undefined],
    ['through a trusted proxy', '127.9.0.1'],
  ])('each request is judged by what it brings itself: %s', async (_way, from) => {
    const [one, other] = [await app.aDevice(admin), await app.aDevice(admin)];
    const socket = await aConnection(from);
    expect(await sends(socket, one.token, 1)).toMatchObject({ status: 200 });
    expect(await sends(socket, other.token, 2)).toMatchObject({ status: 200 });
    expect(await sends(socket, undefined, 3)).toMatchObject({ status: 401 });
    expect(await sends(socket, `${one.token.slice(0, -1)}${one.token.endsWith('A') ? 'E' : 'A'}`, 4)).toMatchObject({
      status: 401,
    });
    expect(await sends(socket, one.token, 5)).toMatchObject({ status: 200 });
    socket.destroy();
    expect([await pointsOf(one), await pointsOf(other)]).toEqual([[1, 5], [2]]);
  });
});
