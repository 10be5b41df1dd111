import { createHmac } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { anApp, type Person, type TestApp } from '../../../../tests/support/app.ts';
import { aCertificateAuthority } from '../../../../tests/support/database-certificates.ts';
import { until } from '../../../../tests/support/database-faults.ts';
import { expectProblem } from '../../../../tests/support/expect-problem.ts';
import { insertNumberedEvents, missingOrEarly, numbersIn } from '../../../../tests/support/numbered-events.ts';
import { aSiemReceiver } from '../../../../tests/support/siem-receiver.ts';

let app: TestApp;
let admin: Person;
let allowed: string;
const closing: (() => void)[] = [];
beforeAll(async () => {
  allowed = mkdtempSync(join(tmpdir(), 'valtronics-siem-'));
  app = await anApp({ env: { VALTRONICS_WEBHOOK_ALLOW: '127.0.0.0/8', VALTRONICS_SIEM_FOLDERS: allowed } });
  admin = await app.aPerson('admin');
  await app.freshProof(admin);
});
afterAll(async () => {
  for (const close of closing) close();
  await app?.stop();
  rmSync(allowed, { recursive: true, force: true });
});

const call = (method: string, path: string, body?: unknown, person = admin) =>
  app.call(method, `/api/v1/siem-destinations${path}`, {
    token: person.accessToken,
    ...(body === undefined ? {} : { body }),
  });

async function create(body: Record<string, unknown>) {
  const created = await call('POST', '', { name: 'A SIEM', ...body });
  expect(created.text && created.status).toBe(201);
  return created.json as { destination: { id: string }; secret: string | null };
}
const remove = async (id: string) => expect((await call('DELETE', `/${id}`)).status).toBe(204);

async function aReceiver() {
  const receiver = await aSiemReceiver();
  closing.push(receiver.close);
  return receiver;
}

let numbered = 0;
/** Some events nobody else of this file looks at; their numbers. */
async function someEvents(count: number, organisationId: number | null = app.organisationId): Promise<number[]> {
  const from = numbered;
  numbered += count;
  await insertNumberedEvents(app.database.admin, from, count, organisationId);
  return Array.from({ length: count }, (_, nth) => from + nth);
}
const arrived = (text: string, numbers: readonly number[]) => numbersIn(text).filter((nth) => numbers.includes(nth));

describe('HTTPS', () => {
  it('gets every event from now on, in order, signed with a secret that is shown once', async () => {
    const before = await someEvents(3);
    const receiver = await aReceiver();
    const { destination, secret } = await create({ kind: 'https', target: receiver.url, batch: 'lines' });
    const events = await someEvents(1_200);
    await until(() => arrived(receiver.text(), events).length >= events.length);
    expect(arrived(receiver.text(), events)).toEqual(events);
    expect(arrived(receiver.text(), before)).toEqual([]);
    const headers = receiver.requests[0]?.headers ?? {};
    const body = receiver.requests[0]?.body ?? '';
    const signed = `${headers['webhook-id']}.${headers['webhook-timestamp']}.${body}`;
    const key = Buffer.from(String(secret).replace('whsec_', ''), 'base64');
    expect(headers['webhook-signature']).toBe(`v1,${createHmac('sha256', key).update(signed).digest('base64')}`);
    expect(headers['content-type']).toBe('application/x-ndjson');
    expect(JSON.parse(body.split('\n')[0] ?? '')).toMatchObject({ service: { type: 'valtronics' } });
    const shown = await call('GET', `/${destination.id}`);
    expect(shown.json).toMatchObject({ hasSecret: true, delivery: { state: 'delivering', lastError: null } });
    expect(shown.text).not.toContain(secret);
    const { rows } = await app.database.admin.query('select * from siem_destinations where id = $1', [destination.id]);
    expect(JSON.stringify(rows)).not.toContain(Buffer.from(String(secret)).toString('hex'));
    await until(async () => (await call('GET', `/${destination.id}`)).json.delivery.eventsBehind === 0);
    await remove(destination.id);
  });

  it('is tried again until it takes them, and says meanwhile what is wrong and how much waits', async () => {
    const receiver = await aReceiver();
    receiver.answerWith(() => ({ status: 503 }));
    const { destination } = await create({ kind: 'https', target: receiver.url });
    const events = await someEvents(700);
    await until(async () => (await call('GET', `/${destination.id}`)).json.delivery.state === 'retrying');
    const { delivery } = (await call('GET', `/${destination.id}`)).json;
    expect(delivery.lastError).toBe('the target answered 503');
    expect(delivery.eventsBehind).toBeGreaterThanOrEqual(700);
    expect(delivery.secondsBehind).toBeGreaterThan(0);
    expect(Date.now() - Date.parse(delivery.behindSince)).toBeGreaterThanOrEqual(delivery.secondsBehind * 1_000);
    expect(delivery.nextAttemptAt).not.toBeNull();
    receiver.answerWith(() => ({ status: 200 }));
    await until(() => arrived(receiver.text(), events).length >= events.length);
    expect(arrived(receiver.text(), events)).toEqual(events);
    await until(async () => (await call('GET', `/${destination.id}`)).json.delivery.state === 'delivering');
    await remove(destination.id);
  });

  it('halves a batch that is too large for it', async () => {
    const receiver = await aReceiver();
    receiver.answerWith(({ body }) => ({ status: body.length > 20_000 ? 413 : 200 }));
    const { destination } = await create({ kind: 'https', target: receiver.url, format: 'ocsf' });
    const events = await someEvents(300);
    await until(() => arrived(receiver.text(), events).length >= events.length);
    expect(arrived(receiver.text(), events)).toEqual(events);
    await remove(destination.id);
  });

  it('gets everything from a moment on again', async () => {
    const receiver = await aReceiver();
    const { destination } = await create({ kind: 'https', target: receiver.url, format: 'cef' });
    const early = await someEvents(10);
    // The table knows microseconds and the moment given milliseconds.
    await delay(5);
    const from = new Date().toISOString();
    await delay(5);
    const late = await someEvents(10);
    await until(() => arrived(receiver.text(), late).length >= 10);
    const told = await call('POST', `/${destination.id}/backfill`, { from });
    expect(told.status).toBe(202);
    expect(told.json.events).toBeGreaterThanOrEqual(10);
    await until(() => arrived(receiver.text(), late).length >= 20);
    expect(arrived(receiver.text(), [...early, ...late])).toEqual([...early, ...late, ...late]);
    await remove(destination.id);
  });
});

describe('whose events', () => {
  it('a destination gets its own organisation’s, and those of the instance only where that is run', async () => {
    const other = await app.anotherOrganisation();
    const theirAdmin = await app.aPerson('admin', other);
    await app.freshProof(theirAdmin);
    const [ours, theirs] = [await aReceiver(), await aReceiver()];
    const mine = await create({ kind: 'https', target: ours.url });
    const yours = await call('POST', '', { name: 'Theirs', kind: 'https', target: theirs.url }, theirAdmin);
    expect(yours.status).toBe(201);
    const [own, strange, foreign] = [await someEvents(5), await someEvents(5, null), await someEvents(5, other)];
    await until(() => arrived(ours.text(), strange).length === 5 && arrived(theirs.text(), foreign).length === 5);
    expect(arrived(ours.text(), [...own, ...strange, ...foreign])).toEqual([...own, ...strange]);
    expect(arrived(theirs.text(), [...own, ...strange, ...foreign])).toEqual(foreign);
    expectProblem(await call('GET', `/${mine.destination.id}`, undefined, theirAdmin), 404, 'not_found');
    expectProblem(await call('POST', `/${mine.destination.id}/test`, undefined, theirAdmin), 404, 'not_found');
    expect((await call('GET', '', undefined, theirAdmin)).json.items).toHaveLength(1);
    const path = { name: 'A path', kind: 'file', target: allowed };
    expectProblem(await call('POST', '', path, theirAdmin), 400, 'invalid_request');
    await remove(mine.destination.id);
  });
});

describe('Splunk and Elasticsearch', () => {
  it('a collector counts only when its body says so; its token is sealed and goes to no other target', async () => {
    const receiver = await aReceiver();
    let code = 6;
    receiver.answerWith(() => ({ status: 200, body: { text: 'said', code } }));
    const { destination, secret } = await create({
      kind: 'splunk_hec',
      target: receiver.url,
      secret: 'hec-token-1',
      index: 'iot',
    });
    expect(secret).toBeNull();
    const events = await someEvents(3);
    await until(async () => (await call('GET', `/${destination.id}`)).json.delivery.state === 'retrying');
    expect((await call('GET', `/${destination.id}`)).json.delivery.lastError).toBe(
      'the collector answered code 6: said',
    );
    const refused = receiver.requests.length;
    code = 0;
    await until(
      () =>
        arrived(
          receiver.requests
            .slice(refused)
            .map(({ body }) => body)
            .join(),
          events,
        ).length >= 3,
    );
    const last = receiver.requests.at(-1);
    expect(last?.url).toBe('/siem/services/collector/event');
    expect(last?.headers.authorization).toBe('Splunk hec-token-1');
    expect(JSON.parse(last?.body.split('\n')[0] ?? '')).toMatchObject({
      source: 'valtronics',
      index: 'iot',
      event: { ecs: {} },
    });
    const elsewhere = await call('PATCH', `/${destination.id}`, { target: 'https://elsewhere.example/' });
    expectProblem(elsewhere, 400, 'invalid_request');
    expect(elsewhere.json.errors[0].path).toBe('secret');
    expect((await call('PATCH', `/${destination.id}`, { target: receiver.url, name: 'Another' })).status).toBe(200);
    await remove(destination.id);
  });

  it('of a bulk request every item is looked at: what is there already counts, what is busy goes again, what never fits is counted', async () => {
    const receiver = await aReceiver();
    let busy = true;
    receiver.answerWith(({ body }) => {
      const lines = body.trim().split('\n');
      const items = lines
        .filter((_, nth) => nth % 2 === 1)
        .map((line) => {
          const nth = numbersIn(line)[0] ?? -1;
          const status = nth % 10 === 3 ? 400 : nth % 10 === 4 ? 409 : busy && nth % 10 === 5 ? 429 : 201;
          return { create: { status, ...(status < 300 ? {} : { error: { type: 'some_exception' } }) } };
        });
      return { status: 200, body: { errors: true, items } };
    });
    const { destination } = await create({
      kind: 'elasticsearch_bulk',
      target: receiver.url,
      secret: 'a2V5',
      index: 'logs-iot',
    });
    const events = await someEvents(20);
    await until(async () => (await call('GET', `/${destination.id}`)).json.delivery.state === 'retrying');
    expect((await call('GET', `/${destination.id}`)).json.delivery.lastError).toBe(
      'an event was not taken: 429 some_exception',
    );
    busy = false;
    await until(async () => (await call('GET', `/${destination.id}`)).json.delivery.refusedEvents === 2);
    const last = receiver.requests.at(-1);
    expect(last?.url).toBe('/siem/_bulk?filter_path=errors,items.*.status,items.*.error.type');
    expect(last?.headers.authorization).toBe('ApiKey a2V5');
    expect(arrived(last?.body ?? '', events).length).toBeGreaterThan(0);
    expect(JSON.parse(last?.body.split('\n')[0] ?? '')).toEqual({
      create: { _index: 'logs-iot', _id: expect.any(String) },
    });
    const cef = await call('POST', '', {
      name: 'No',
      kind: 'elasticsearch_bulk',
      target: receiver.url,
      secret: 'x',
      format: 'cef',
    });
    expectProblem(cef, 400, 'invalid_request');
    await remove(destination.id);
  });
});

describe('files', () => {
  it('grow in a folder of the organisation by name, or in one the host’s owner allows', async () => {
    for (const [target, folder] of [
      ['to-archive', join(app.dataDir, 'siem', String(app.organisationId), 'to-archive')],
      [join(allowed, 'inner'), join(allowed, 'inner')],
    ] as const) {
      const { destination } = await create({ kind: 'file', target });
      const events = await someEvents(5);
      const read = () => {
        try {
          return readFileSync(join(folder, 'events.jsonl'), 'utf8');
        } catch {
          return '';
        }
      };
      await until(() => arrived(read(), events).length >= 5);
      expect(arrived(read(), events)).toEqual(events);
      await remove(destination.id);
    }
  });

  it.each(['../up', '/etc', 'a/b', 'UPPER', '.'])('never at %s', async (target) => {
    expectProblem(await call('POST', '', { name: 'No', kind: 'file', target }), 400, 'invalid_request');
    expectProblem(
      await call('POST', '', { name: 'No', kind: 'file', target: `${allowed}/../x` }),
      400,
      'invalid_request',
    );
  });

  it('never where a link leads out of what is allowed', async () => {
    const outside = mkdtempSync(join(tmpdir(), 'valtronics-outside-'));
    mkdirSync(join(allowed, 'deep'), { recursive: true });
    symlinkSync(outside, join(allowed, 'deep', 'link'));
    const { destination } = await create({ kind: 'file', target: join(allowed, 'deep', 'link') });
    const told = await call('POST', `/${destination.id}/test`);
    expect(told.json).toMatchObject({ ok: false, answer: 'the folder is not one that may be written to' });
    await remove(destination.id);
    rmSync(outside, { recursive: true, force: true });
  });
});

describe('the test of a destination', () => {
  it('sends one event and tells what the receiver answered', async () => {
    const receiver = await aReceiver();
    const { destination } = await create({ kind: 'https', target: receiver.url, enabled: false });
    expect((await call('POST', `/${destination.id}/test`)).json).toMatchObject({ ok: true, answer: 'answered 200' });
    expect(receiver.text()).toContain('siem.tested');
    receiver.answerWith(() => ({ status: 403 }));
    const refused = await call('POST', `/${destination.id}/test`);
    expect(refused.json).toMatchObject({
      ok: false,
      answer: 'the target answered 403; it does not accept our credential',
    });
    expect((await call('GET', `/${destination.id}`)).json.delivery.state).toBe('off');
    receiver.close();
    expect((await call('POST', `/${destination.id}/test`)).json).toMatchObject({
      ok: false,
      answer: 'nobody listens at the target (ECONNREFUSED)',
    });
    await remove(destination.id);
    const { rows } = await app.database.admin.query(
      `select event, count(*)::int as count from audit_events where event like 'siem_destination.%' group by 1 order by 1`,
    );
    expect(rows.map(({ event }) => event)).toEqual([
      'siem_destination.backfilled',
      'siem_destination.changed',
      'siem_destination.created',
      'siem_destination.deleted',
      'siem_destination.tested',
    ]);
  });
});

describe('what is given', () => {
  const authority = aCertificateAuthority('An authority');
  const pair = authority.issue(['client']);

  it.each([
    ['target', { kind: 'https', target: 'https://10.0.0.1/' }],
    ['target', { kind: 'https', target: 'ftp://example.org/' }],
    ['target', { kind: 'syslog_tls', target: '10.0.0.1:6514' }],
    ['target', { kind: 'syslog_tls', target: 'host:0' }],
    ['target', { kind: 'syslog_tls', target: 'tls://host' }],
    ['secret', { kind: 'splunk_hec', target: 'https://splunk.example/' }],
    ['secret', { kind: 'https', target: 'https://hook.example/', secret: 'mine' }],
    ['clientKey', { kind: 'syslog_tls', target: 'host', clientCertificate: pair.certificate }],
    [
      'clientKey',
      {
        kind: 'syslog_tls',
        target: 'host',
        clientCertificate: pair.certificate,
        clientKey: authority.issue(['x']).key,
      },
    ],
    ['clientCertificate', { kind: 'syslog_tls', target: 'host', clientKey: pair.key }],
    [
      'ca',
      { kind: 'syslog_tls', target: 'host', ca: '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n' },
    ],
    ['ca', { kind: 'syslog_tls', target: 'host', ca: pair.key }],
  ])('a bad %s is refused by name', async (path, body) => {
    const answer = await call('POST', '', { name: 'No', ...body });
    expectProblem(answer, 400, 'invalid_request');
    expect(answer.json.errors[0].path).toBe(path);
  });

  it('a client key is sealed, shown to nobody, and gone with its certificate', async () => {
    const { destination } = await create({
      kind: 'syslog_tls',
      target: 'siem.example',
      enabled: false,
      clientCertificate: pair.certificate,
      clientKey: pair.key,
    });
    const shown = await call('GET', `/${destination.id}`);
    expect(shown.json).toMatchObject({ hasClientKey: true, clientCertificate: pair.certificate });
    expect(shown.text).not.toContain('PRIVATE KEY');
    const { rows } = await app.database.admin.query('select client_key_sealed from siem_destinations where id = $1', [
      destination.id,
    ]);
    expect(rows[0].client_key_sealed.toString('latin1')).not.toContain('PRIVATE KEY');
    expectProblem(await call('PATCH', `/${destination.id}`, { clientCertificate: null }), 400, 'invalid_request');
    const without = await call('PATCH', `/${destination.id}`, { clientCertificate: null, clientKey: null });
    expect(without.json.destination).toMatchObject({ hasClientKey: false, clientCertificate: null });
    await remove(destination.id);
  });

  it('a write takes a fresh proof', async () => {
    const stale = await app.aPerson('admin');
    await app.database.admin.query(`update sessions set verified_at = now() - interval '1 hour' where user_id = $1`, [
      stale.userId,
    ]);
    expectProblem(await call('POST', '', { name: 'No', kind: 'file', target: 'x' }, stale), 401, 'step_up_required');
  });
});

describe('two servers', () => {
  it('deliver to a destination one at a time, and the other goes on when one dies', async () => {
    const receiver = await aReceiver();
    const second = await anApp({ beside: app, env: { VALTRONICS_WEBHOOK_ALLOW: '127.0.0.0/8' } });
    try {
      const { destination } = await create({ kind: 'https', target: receiver.url });
      const events = await someEvents(600);
      await until(() => arrived(receiver.text(), events).length >= events.length);
      // Once each: two at it would have doubled some.
      expect(arrived(receiver.text(), events)).toEqual(events);
      const ended = await app.database.admin.query<{ pid: number }>(
        `select pg_terminate_backend(l.pid) as gone, l.pid from pg_locks l join pg_stat_activity a using (pid)
         where l.locktype = 'advisory' and l.granted and a.query like '%pg_try_advisory_lock%' or a.query like '%is not null as answer'`,
      );
      expect(ended.rows.length).toBeGreaterThan(0);
      const more = await someEvents(600);
      await until(() => arrived(receiver.text(), more).length >= more.length);
      const all = arrived(receiver.text(), [...events, ...more]);
      expect(
        missingOrEarly(
          all.map((nth) => nth - (events[0] ?? 0)),
          1_200,
        ),
      ).toEqual({ missing: [], early: [] });
      await remove(destination.id);
    } finally {
      await second.stop();
    }
  });
});
