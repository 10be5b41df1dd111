import { createHmac } from 'node:crypto';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { SMTPServer } from 'smtp-server';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { aDevice, anOrganisation, aUser } from '../../../../tests/support/alert-fixtures.ts';
import { aDatabase, type TestDatabase } from '../../../../tests/support/database.ts';
import { manualClock } from '../../lib/clock.ts';
import { secret } from '../../platform/config/secret.ts';
import { createLogger } from '../../platform/log/log.ts';
import { createMailer } from '../../platform/mail/mailer.ts';
import { createOutbound } from '../../platform/outbound/outbound.ts';
import type { DevicePrincipal, UserPrincipal } from '../../security/access/principal.ts';
import type { AuditedTx } from '../../security/audit/tokens.ts';
import { createTransactions } from '../../security/audit/transactions.ts';
import type { Transactions } from '../../security/audit/transactions.types.ts';
import { createKeyRing, type KeyRing } from '../../security/crypto/key-ring.ts';
import { newRootKeyText, parseRootKey } from '../../security/crypto/root-key.ts';
import { createAlertService } from './alert.service.ts';
import { raiseByDevice } from './device-alert.service.ts';
import { createDelivery, type Delivery, retryAfterMs } from './notification.delivery.ts';
import { createChannelService } from './notification-channel.service.ts';

const NOW = Date.UTC(2026, 0, 1, 12);
const clock = manualClock(NOW);
const outbound = createOutbound({ allowList: ['127.0.0.0/8'], timeoutMs: 300 });
const publicUrl = new URL('https://valtronics.example.org');
const log = createLogger({ level: 'fatal', clock });
const signal = new AbortController().signal;
const closing: (() => void)[] = [];

let db: TestDatabase;
let transactions: Transactions;
let keyRing: KeyRing;
let organisation: number;
let ann: UserPrincipal;
let device: DevicePrincipal;

beforeAll(async () => {
  db = await aDatabase();
  transactions = createTransactions(db);
  const rootKey = parseRootKey(newRootKeyText());
  if (rootKey === undefined) throw new Error('no root key');
  keyRing = createKeyRing(rootKey);
});
afterAll(() => db.drop());
afterEach(() => {
  for (const close of closing.splice(0)) close();
});
beforeEach(async () => {
  clock.set(NOW);
  organisation = await anOrganisation(db);
  ann = await aUser(db, organisation);
  device = {
    kind: 'device',
    deviceId: await aDevice(db, organisation),
    organisationId: organisation,
    credentialId: '00000000-0000-7000-8000-000000000000',
    deviceType: 'temperature',
    expiresAt: null,
  };
  await db.admin.query('delete from notification_channels');
});

interface Hook {
  url: string;
  received: { headers: IncomingHttpHeaders; body: string }[];
  /** What it answers, in turn; the last for ever. */
  answers: number[];
}

async function aHook(...answers: number[]): Promise<Hook> {
  const hook: Hook = { url: '', received: [], answers: answers.length > 0 ? answers : [204] };
  const server = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += String(chunk);
    hook.received.push({ headers: request.headers, body });
    const status = hook.answers.length > 1 ? hook.answers.shift() : hook.answers[0];
    if (status === 0) return; // says nothing
    response.writeHead(status ?? 204, { location: '/elsewhere' }).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closing.push(() => {
    server.closeAllConnections();
    server.close();
  });
  hook.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`;
  return hook;
}

function audited<T>(work: (tx: AuditedTx) => Promise<T>): Promise<T> {
  const actor = { kind: 'user', id: ann.userId, label: ann.email } as const;
  const context = { organisationId: organisation, actor, address: null, requestId: null };
  return transactions.audited(context, 'notification_channel.created', work);
}

const channels = () => createChannelService({ clock, keyRing, outbound });

type Minimum = 'info' | 'warning' | 'critical';
const aWebhook = (target: string, minimumSeverity: Minimum = 'info') =>
  audited((tx) => channels().create(tx, ann, { name: 'Ops', kind: 'webhook', target, minimumSeverity }));

function aDelivery(smtpPort?: number): Delivery {
  const smtpUrl = smtpPort === undefined ? undefined : secret(`smtp://127.0.0.1:${smtpPort}`);
  const mailer = createMailer({ smtpUrl, publicUrl, timeoutMs: 1000 });
  return createDelivery({ transactions, mailer, outbound, keyRing, publicUrl, clock, random: () => 1, log });
}

async function raise(title = 'Door open', severity: Minimum = 'warning') {
  const told = await transactions.unaudited(organisation, 'device_alert', (tx) =>
    raiseByDevice(tx, device, { title, severity }, clock),
  );
  if (told === undefined) throw new Error('nothing was raised');
  return told.alert;
}

const resolveByAnn = (id: string) =>
  audited((tx) => createAlertService({ clock }).resolve(tx, { by: ann, id, note: undefined }));

async function outbox(): Promise<{ status: string; attempts: number; last_error: string | null }[]> {
  const { rows } = await db.admin.query(
    'select status, attempts, last_error from notification_outbox where organisation_id = $1 order by place',
    [organisation],
  );
  return rows;
}
async function eventsOf(alertId: string): Promise<string[]> {
  const { rows } = await db.admin.query<{ kind: string; note: string }>(
    'select kind, note from alert_events where alert_id = $1 order by at, id',
    [alertId],
  );
  return rows.map(({ kind, note }) => `${kind}: ${note}`);
}
const channelOf = async (id: string) =>
  (await transactions.read(organisation, (reader) => channels().list(reader))).items.find((item) => item.id === id);

describe('webhook', () => {
  it('gets each alert once, signed with the secret that was shown when it was made', async () => {
    const hook = await aHook();
    const { channel, secret: shown } = await aWebhook(hook.url);
    const alert = await raise();
    await aDelivery().run(signal);
    await aDelivery().run(signal);
    expect(hook.received).toHaveLength(1);
    const { headers, body } = hook.received[0] ?? { headers: {}, body: '' };
    expect(JSON.parse(body)).toMatchObject({
      type: 'alert.raised',
      data: { alert: { id: alert.id, title: 'Door open' } },
    });
    const key = Buffer.from(shown?.replace('whsec_', '') ?? '', 'base64');
    const signed = `${headers['webhook-id']}.${headers['webhook-timestamp']}.${body}`;
    expect(headers['webhook-signature']).toBe(`v1,${createHmac('sha256', key).update(signed).digest('base64')}`);
    expect(headers['webhook-timestamp']).toBe(String(NOW / 1000));
    expect(headers['idempotency-key']).toBe(`${alert.id}:raised:warning:${channel.id}`);
    expect(await eventsOf(alert.id)).toEqual(['raised: null', 'notified: raised by webhook to Ops']);
    expect(await channelOf(channel.id)).toMatchObject({
      lastDeliveredAt: new Date(NOW).toISOString(),
      lastError: null,
    });
  });

  it('stores the secret sealed and bound to its row', async () => {
    const { channel, secret: shown } = await aWebhook((await aHook()).url);
    const { rows } = await db.admin.query<{ secret_sealed: Buffer }>('select secret_sealed from notification_channels');
    const sealed = rows[0]?.secret_sealed ?? Buffer.alloc(0);
    expect(sealed.includes(Buffer.from(shown ?? ''))).toBe(false);
    const place = { organisation, table: 'notification_channels', column: 'secret_sealed', row: channel.id };
    expect(keyRing.open(sealed, place).toString()).toBe(shown);
    expect(() => keyRing.open(sealed, { ...place, row: 'another' })).toThrow();
  });

  it('is tried again after a failure, with the same id and key, and not before its time', async () => {
    const hook = await aHook(500, 204);
    const { channel } = await aWebhook(hook.url);
    await raise();
    const delivery = aDelivery();
    await delivery.run(signal);
    expect(await outbox()).toEqual([{ status: 'pending', attempts: 1, last_error: 'the target answered 500' }]);
    expect(await channelOf(channel.id)).toMatchObject({ lastError: 'the target answered 500' });
    clock.advance(4000);
    await delivery.run(signal);
    expect(hook.received).toHaveLength(1);
    clock.advance(1000);
    await delivery.run(signal);
    expect(await outbox()).toMatchObject([{ status: 'delivered', attempts: 2 }]);
    const [first, second] = hook.received.map(({ headers }) => [headers['webhook-id'], headers['idempotency-key']]);
    expect(second).toEqual(first);
    expect(await channelOf(channel.id)).toMatchObject({ lastError: null });
  });

  it('is given up after a day, which the history of the alert says', async () => {
    const hook = await aHook(503);
    await aWebhook(hook.url);
    const alert = await raise();
    const delivery = aDelivery();
    for (let tries = 0; tries < 60 && (await outbox())[0]?.status === 'pending'; tries += 1) {
      await delivery.run(signal);
      clock.advance(3_600_000);
    }
    expect(await outbox()).toMatchObject([{ status: 'failed', last_error: 'the target answered 503' }]);
    expect(clock.now() - NOW).toBeLessThanOrEqual(26 * 3_600_000);
    expect((await eventsOf(alert.id)).at(-1)).toBe(
      'notification_failed: raised by webhook to Ops: the target answered 503',
    );
  });

  it('a redirect is a failure', async () => {
    const hook = await aHook(302);
    await aWebhook(hook.url);
    await raise();
    await aDelivery().run(signal);
    expect(hook.received).toHaveLength(1);
    expect((await outbox())[0]?.last_error).toMatch(/redirects are not followed/);
  });

  it('a target that became private is refused at once and for good', async () => {
    const { channel } = await aWebhook((await aHook()).url);
    await db.admin.query(`update notification_channels set target = 'https://10.0.0.1/' where id = $1`, [channel.id]);
    await raise();
    await aDelivery().run(signal);
    expect(await outbox()).toMatchObject([{ status: 'failed', attempts: 1 }]);
  });

  it('cannot be pointed at a private address, with credentials in its URL, or at something else than a URL', async () => {
    for (const target of [
      'https://10.0.0.1/',
      'https://a:b@example.org/',
      'ftp://example.org',
      'https://[::1]/',
      'nonsense',
    ])
      await expect(aWebhook(target)).rejects.toMatchObject({ code: 'invalid_request', errors: [{ path: 'target' }] });
  });
});

describe('order, fairness and crashes', () => {
  it('of one alert the end is not told before the beginning', async () => {
    const hook = await aHook(500, 204);
    await aWebhook(hook.url);
    const alert = await raise();
    await resolveByAnn(alert.id);
    const delivery = aDelivery();
    await delivery.run(signal);
    expect(hook.received).toHaveLength(1);
    clock.advance(5000);
    await delivery.run(signal);
    expect(hook.received.map(({ body }) => JSON.parse(body).type)).toEqual([
      'alert.raised',
      'alert.raised',
      'alert.resolved',
    ]);
  });

  it('a silent target does not hold up the others', async () => {
    const silent = await aHook(0);
    const lively = await aHook();
    await aWebhook(silent.url);
    await aWebhook(lively.url);
    for (let number = 0; number < 6; number += 1) await raise(`Door ${number} open`);
    const running = aDelivery().run(signal);
    const started = Date.now();
    while (lively.received.length < 6 && Date.now() - started < 5000)
      await new Promise((resolve) => setTimeout(resolve, 10));
    expect(lively.received).toHaveLength(6);
    expect(silent.received.length).toBeLessThan(6);
    await running;
  });

  it('what a dead process had claimed is due again when its lease is over', async () => {
    const hook = await aHook();
    await aWebhook(hook.url);
    await raise();
    await db.admin.query(
      `update notification_outbox set next_attempt_at = $1, attempts = 1 where organisation_id = $2`,
      [new Date(NOW + 120_000), organisation],
    );
    await aDelivery().run(signal);
    expect(hook.received).toHaveLength(0);
    clock.advance(120_000);
    await aDelivery().run(signal);
    expect(hook.received).toHaveLength(1);
  });

  it('two servers deliver each notification once', async () => {
    const hook = await aHook();
    await aWebhook(hook.url);
    for (let number = 0; number < 10; number += 1) await raise(`Door ${number} open`);
    await Promise.all([aDelivery().run(signal), aDelivery().run(signal)]);
    expect(new Set(hook.received.map(({ headers }) => headers['webhook-id'])).size).toBe(10);
    expect(hook.received).toHaveLength(10);
  });

  it('stopping leaves what was under way for the next start', async () => {
    const hook = await aHook(0);
    await aWebhook(hook.url);
    await raise();
    const stopping = new AbortController();
    const running = aDelivery().run(stopping.signal);
    while (hook.received.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    stopping.abort();
    await running;
    expect(await outbox()).toMatchObject([{ status: 'pending', last_error: null }]);
  });

  it('a waiting time doubles up to an hour, and chance spreads it', () => {
    expect([1, 2, 3, 11, 40].map((attempts) => retryAfterMs(attempts, 1))).toEqual([
      5000, 10_000, 20_000, 3_600_000, 3_600_000,
    ]);
    expect(retryAfterMs(1, 0)).toBe(2500);
  });
});

describe('which channels are told', () => {
  it('only from their severity on, only when switched on, and never those of another organisation', async () => {
    const critical = await aHook();
    const off = await aHook();
    await aWebhook(critical.url, 'critical');
    const { channel } = await aWebhook(off.url);
    await audited((tx) => channels().change(tx, channel.id, { enabled: false }));
    const strange = await aHook();
    await db.admin.query(
      `insert into notification_channels (id, organisation_id, name, kind, target, minimum_severity, secret_sealed, created_at)
       values (gen_random_uuid(), $1, 'Strange', 'webhook', $2, 'info', $3, now())`,
      [await anOrganisation(db), strange.url, Buffer.from('x')],
    );
    await raise('Door open', 'warning');
    await raise('Smoke', 'critical');
    await aDelivery().run(signal);
    expect(critical.received.map(({ body }) => JSON.parse(body).data.alert.title)).toEqual(['Smoke']);
    expect([off.received, strange.received]).toEqual([[], []]);
  });
});

describe('email', () => {
  async function aMailServer() {
    const mails: string[] = [];
    const server = new SMTPServer({
      disabledCommands: ['STARTTLS'],
      authOptional: true,
      onData(stream, _session, callback) {
        let raw = '';
        stream.on('data', (chunk: Buffer) => {
          raw += chunk.toString();
        });
        stream.on('end', () => {
          mails.push(raw);
          callback();
        });
      },
    });
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve);
    });
    closing.push(() => server.close());
    return { mails, port: (server.server.address() as AddressInfo).port };
  }
  const aMailChannel = () =>
    audited((tx) => channels().create(tx, ann, { name: 'Night shift', kind: 'email', target: 'night@example.org' }));

  it('reaches a real mail server when an alert is raised and when it ends', async () => {
    const { mails, port } = await aMailServer();
    const { secret: shown } = await aMailChannel();
    expect(shown).toBeNull();
    const alert = await raise();
    await aDelivery(port).run(signal);
    await resolveByAnn(alert.id);
    await aDelivery(port).run(signal);
    expect(mails.map((mail) => /^Subject: (.*)$/m.exec(mail)?.[1]?.trim())).toEqual([
      '[warning] Door open: Freezer 3',
      '[resolved] Door open: Freezer 3',
    ]);
    expect(mails[0]).toContain('To: night@example.org');
  });

  it('without a mail server the channel says so and the mail waits', async () => {
    const { channel } = await aMailChannel();
    await raise();
    await aDelivery().run(signal);
    expect((await channelOf(channel.id))?.lastError).toMatch(/no mail server is configured/);
    expect(await outbox()).toMatchObject([{ status: 'pending' }]);
  });

  it('a test notification arrives too', async () => {
    const { mails, port } = await aMailServer();
    const { channel } = await aMailChannel();
    await audited((tx) => channels().test(tx, ann, channel.id));
    await aDelivery(port).run(signal);
    expect(mails[0]).toMatch(/Subject: Valtronics: test notification/);
  });

  it('takes one plain address only', async () => {
    for (const target of ['a@example.org, b@example.org', 'Ann <a@example.org>', 'nobody'])
      await expect(
        audited((tx) => channels().create(tx, ann, { name: 'Ops', kind: 'email', target })),
      ).rejects.toMatchObject({ errors: [{ path: 'target' }] });
  });
});

describe('alerts that devices raise', () => {
  it('while one of the same title is open only a graver one says anything new', async () => {
    const hook = await aHook();
    await aWebhook(hook.url);
    const first = await raise('Door open', 'warning');
    await expect(raise('Door open', 'info')).rejects.toThrow('nothing was raised');
    const worse = await raise('Door open', 'critical');
    expect(worse).toMatchObject({ id: first.id, severity: 'critical' });
    await aDelivery().run(signal);
    expect(hook.received.map(({ body }) => JSON.parse(body).data.alert.severity)).toEqual(['warning', 'critical']);
  });

  it('are bounded per device', async () => {
    for (let number = 0; number < 20; number += 1) await raise(`Door ${number} open`);
    await expect(raise('One more')).rejects.toMatchObject({ code: 'too_many_requests' });
  });

  it('a burst of the same raises one', async () => {
    const results = await Promise.allSettled(Array.from({ length: 8 }, () => raise('Door open')));
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  });
});
