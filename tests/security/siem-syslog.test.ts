import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { anApp, type Person, type TestApp } from '../support/app.ts';
import { aCertificateAuthority } from '../support/database-certificates.ts';
import { until } from '../support/database-faults.ts';
import { insertNumberedEvents, missingOrEarly, numbersIn } from '../support/numbered-events.ts';
import { aSyslogReceiver, hasSyslog, type SyslogReceiver, syslogKinds } from '../support/syslog-receivers.ts';

let app: TestApp;
let admin: Person;
beforeAll(async () => {
  app = await anApp({ env: { VALTRONICS_WEBHOOK_ALLOW: '127.0.0.0/8' } });
  admin = await app.aPerson('admin');
  await app.freshProof(admin);
});
afterAll(() => app?.stop());

const call = (method: string, path: string, body?: unknown) =>
  app.call(method, `/api/v1/siem-destinations${path}`, {
    token: admin.accessToken,
    ...(body === undefined ? {} : { body }),
  });

describe.each(syslogKinds)('%s', (kind) => {
  let receiver: SyslogReceiver;
  if (!hasSyslog[kind]) process.stderr.write(`NOT INSTALLED, so nothing is tested with it: ${kind}\n`);
  beforeAll(async () => {
    if (hasSyslog[kind]) receiver = await aSyslogReceiver(kind);
  });
  afterAll(() => receiver?.stop());

  const destination = (more: Record<string, unknown> = {}) => ({
    name: kind,
    kind: 'syslog_tls',
    target: `127.0.0.1:${receiver.port}`,
    serverName: 'siem.example',
    ca: receiver.authority.certificate,
    clientCertificate: receiver.client.certificate,
    clientKey: receiver.client.key,
    ...more,
  });
  const created = async (more: Record<string, unknown> = {}): Promise<string> => {
    const answer = await call('POST', '', destination(more));
    expect(answer.text && answer.status).toBe(201);
    return answer.json.destination.id;
  };
  /** What a test event meets. */
  async function tested(more: Record<string, unknown>): Promise<{ ok: boolean; answer: string }> {
    const id = await created({ enabled: false, ...more });
    const answer = await call('POST', `/${id}/test`);
    expect(answer.text && answer.status).toBe(200);
    await call('DELETE', `/${id}`);
    return answer.json;
  }

  it.runIf(hasSyslog[kind])('takes a test event over mutual TLS and is heard to have read it', async () => {
    expect(await tested({})).toMatchObject({
      ok: true,
      answer: expect.stringMatching(/^written over TLSv1\.[23]; .*read it/),
    });
    await until(() => receiver.text().includes('siem.tested'));
  });

  it.runIf(hasSyslog[kind])(
    'gets nothing when its certificate names somebody else, is of an unknown authority, or ours is',
    async () => {
      const stranger = aCertificateAuthority('Somebody else');
      const before = receiver.text();
      expect(await tested({ serverName: 'other.example' })).toMatchObject({
        ok: false,
        answer: 'the certificate of the target is for another name (ERR_TLS_CERT_ALTNAME_INVALID)',
      });
      expect(await tested({ serverName: null })).toMatchObject({ ok: false });
      expect(await tested({ ca: stranger.certificate })).toMatchObject({
        ok: false,
        answer: expect.stringContaining('signed by'),
      });
      expect(await tested({ ca: null })).toMatchObject({ ok: false });
      const theirs = stranger.issue(['valtronics']);
      expect((await tested({ clientCertificate: theirs.certificate, clientKey: theirs.key })).ok).toBe(false);
      expect((await tested({ clientCertificate: null, clientKey: null })).ok).toBe(false);
      expect(receiver.text()).toBe(before);
    },
  );

  it.runIf(hasSyslog[kind])('gets every event in order, in every format, and the longest whole', async () => {
    for (const format of ['ecs', 'ocsf', 'cef']) {
      const id = await created({ format });
      const start = receiver.text().length;
      await insertNumberedEvents(app.database.admin, 0, 1_500);
      await app.database.admin.query(
        `insert into security_events (id, at, organisation_id, category, action, outcome, level, transport, details)
         values (gen_random_uuid(), now(), 1, 'incident', 'detection.raised', 'failure', 'critical', 'http',
           jsonb_build_object('nth', 1500, 'note', repeat('é=|', 2000)))`,
      );
      await until(() => numbersIn(receiver.text().slice(start)).includes(1_500));
      const lines = receiver
        .text()
        .slice(start)
        .split('\n')
        .filter((line) => /nth/.test(line));
      expect(missingOrEarly(numbersIn(lines.join('\n')), 1_501)).toEqual({ missing: [], early: [] });
      const longest = lines.at(-1)?.trim() ?? '';
      expect(longest).toMatch(/truncated/);
      if (format === 'cef') expect(longest).toMatch(/^CEF:0\|/);
      else expect(JSON.parse(longest)).toBeTypeOf('object');
      await call('DELETE', `/${id}`);
      await delay(50);
    }
  });
});
