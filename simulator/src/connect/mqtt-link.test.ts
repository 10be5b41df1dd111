import { afterEach, expect, test } from 'vitest';
import { eventually, somePoints } from '../support/eventually.ts';
import { aTlsBroker } from '../support/tls-broker.ts';
import { LinkRefused } from './link.ts';
import { type MqttLinkOptions, openMqttLink } from './mqtt-link.ts';

const deviceId = '019ab000-0000-7000-8000-000000000001';
const base = `valtronics/devices/${deviceId}`;
const ends: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end();
});

async function aBroker(hold?: (topic: string) => Promise<void>) {
  const broker = await aTlsBroker({ password: 'secret', ...(hold ? { hold } : {}) });
  ends.push(broker.close);
  return broker;
}

function aLink(broker: { url: string; ca: string }, options: Partial<MqttLinkOptions> = {}) {
  const problems: string[] = [];
  const link = openMqttLink({
    url: broker.url,
    ca: broker.ca,
    deviceId,
    token: 'secret',
    backoff: () => 20,
    onProblem: (text) => problems.push(text),
    ...options,
  });
  ends.push(link.close);
  return { link, problems };
}

test('points arrive over TLS at QoS 1, and flush waits for their acknowledgement', async () => {
  const broker = await aBroker();
  const { link } = aLink(broker);
  await link.send(somePoints(1200));
  await link.flush();
  expect(broker.telemetry()).toEqual(somePoints(1200));
  expect(broker.published.every(({ qos }) => qos === 1)).toBe(true);
  expect(link.counts()).toEqual({ queued: 0, acknowledged: 1200, rejected: 0, dropped: 0, reconnects: 0 });
});

test('the device says online when it comes, offline when it leaves, and its will says so when it is cut off', async () => {
  const broker = await aBroker();
  const { link } = aLink(broker);
  const statuses = () =>
    broker.published.filter(({ topic }) => topic === `${base}/status`).map(({ text, retain }) => `${text} ${retain}`);
  await eventually('it is online', () => statuses().length === 1);
  broker.cut();
  await eventually('will, then online again', () => statuses().length === 3 && link.counts().reconnects === 1);
  await link.close();
  expect(statuses()).toEqual(['online true', 'offline true', 'online true', 'offline true']);
});

test('a server whose certificate comes from another authority is not told the password', async () => {
  const broker = await aBroker();
  const other = await aBroker();
  const { link, problems } = aLink({ url: broker.url, ca: other.ca });
  await eventually('the certificate is refused', () => problems.length > 0);
  expect(problems[0]).toMatch(/certificate/i);
  await link.close();
  expect(broker.published).toEqual([]);
});

test('what was on the wire when the connection broke is sent again on the next one, and nothing is missing', async () => {
  let holding = true;
  const broker = await aBroker((topic) =>
    holding && topic.endsWith('/telemetry') ? new Promise<void>(() => undefined) : Promise.resolve(),
  );
  const { link } = aLink(broker, { batchPoints: 10 });
  await link.send(somePoints(50));
  await eventually('messages are on the wire', () => broker.telemetry().length === 50);
  expect(link.counts().acknowledged).toBe(0);
  holding = false;
  const comeBack = await broker.goDark();
  await link.send(somePoints(50, 50));
  await comeBack();
  await link.flush();
  expect(new Set(broker.telemetry().map(({ value }) => value)).size).toBe(100);
  expect(link.counts()).toMatchObject({ queued: 0, acknowledged: 100, dropped: 0, reconnects: 1 });
});

test('a server that does not acknowledge is not sent more than a window, and is given up after the time for an answer', async () => {
  let holding = true;
  const broker = await aBroker((topic) =>
    holding && topic.endsWith('/telemetry') ? new Promise<void>(() => undefined) : Promise.resolve(),
  );
  const { link, problems } = aLink(broker, { batchPoints: 1, answerTimeoutMs: 400 });
  await link.send(somePoints(100));
  await eventually('the window is full', () => broker.telemetry().length === 8);
  await eventually('the connection is given up', () => problems.some((text) => text.includes('no acknowledgement')));
  holding = false;
  await link.flush();
  expect(link.counts()).toMatchObject({ acknowledged: 100, dropped: 0 });
});

test('a command is handed to the handler and answered under its request, once even when it comes twice', async () => {
  const broker = await aBroker();
  const { link } = aLink(broker);
  const seen: unknown[] = [];
  link.onCommand((command) => {
    seen.push(command);
    if (command.name === 'fail') throw new Error('the valve is stuck');
    return { position: 3 };
  });
  await eventually('it is online', () => broker.published.length === 1);
  await broker.send(`${base}/commands/req-1`, '{"name":"move","payload":{"to":3}}');
  await broker.send(`${base}/commands/req-1`, '{"name":"move","payload":{"to":3}}');
  await broker.send(`${base}/commands/req-2`, '{"name":"fail"}');
  await broker.send(`${base}/commands`, 'not JSON');
  const answers = () => broker.published.filter(({ topic }) => topic.startsWith(`${base}/responses/`));
  await eventually('all are answered', () => answers().length === 3);
  expect(seen).toEqual([
    { requestId: 'req-1', name: 'move', payload: { to: 3 } },
    { requestId: 'req-2', name: 'fail', payload: undefined },
  ]);
  expect(answers().map(({ topic, text }) => [topic, JSON.parse(text)])).toEqual([
    [`${base}/responses/req-1`, { status: 'ok', position: 3 }],
    [`${base}/responses/req-1`, { status: 'ok', position: 3 }],
    [`${base}/responses/req-2`, { status: 'error', message: 'the valve is stuck' }],
  ]);
});

test('what the server reports on the errors topic is counted and told', async () => {
  const broker = await aBroker();
  const { link, problems } = aLink(broker);
  await eventually('it is online', () => broker.published.length === 1);
  const errors = [{ path: 'points[0]', message: 'conflict: another value is stored' }];
  const told = {
    code: 'invalid_request',
    detail: '37 of 500 points were not stored.',
    errors,
    topic: `${base}/telemetry`,
  };
  await broker.send(`${base}/errors`, JSON.stringify(told));
  await broker.send(`${base}/errors`, JSON.stringify({ ...told, topic: `${base}/status`, detail: 'no such status' }));
  await eventually('both are told', () => problems.length === 2);
  expect(problems[0]).toContain('conflict');
  expect(link.counts().rejected).toBe(37);
});

test('a device whose password is refused stops trying and says so without showing the password', async () => {
  const broker = await aBroker();
  const { link, problems } = aLink(broker);
  await link.send(somePoints(1));
  await link.flush();
  broker.changePassword('another');
  broker.cut();
  await eventually('it is refused', () => problems.some((text) => text.includes('refuses')));
  await expect(link.send(somePoints(1))).rejects.toThrow(LinkRefused);
  expect(problems.join()).not.toContain('secret');
});
