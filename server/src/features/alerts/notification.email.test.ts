import type { AddressInfo } from 'node:net';
import { SMTPServer } from 'smtp-server';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { notificationsUnderTest } from './notification.builders.ts';

const signal = new AbortController().signal;
let house: Awaited<ReturnType<typeof notificationsUnderTest>>;
beforeAll(async () => {
  house = await notificationsUnderTest();
});
afterAll(() => house?.drop());
beforeEach(() => house.begin());
afterEach(() => house.end());

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
    house.closing.push(() => server.close());
    return { mails, port: (server.server.address() as AddressInfo).port };
  }
  const aMailChannel = () =>
    house.audited((tx) =>
      house.channels.create(tx, house.place.ann, { name: 'Night shift', kind: 'email', target: 'night@example.org' }),
    );

  it('reaches a real mail server when an alert is raised and when it ends', async () => {
    const { mails, port } = await aMailServer();
    const { secret: shown } = await aMailChannel();
    expect(shown).toBeNull();
    const alert = await house.raise();
    await house.aDelivery(port).run(signal);
    await house.resolve(alert.id);
    await house.aDelivery(port).run(signal);
    expect(mails.map((mail) => /^Subject: (.*)$/m.exec(mail)?.[1]?.trim())).toEqual([
      '[warning] Door open: Freezer 3',
      '[resolved] Door open: Freezer 3',
    ]);
    expect(mails[0]).toContain('To: night@example.org');
  });

  it('without a mail server the channel says so and the mail waits', async () => {
    const { channel } = await aMailChannel();
    await house.raise();
    await house.aDelivery().run(signal);
    expect((await house.channelOf(channel.id))?.lastError).toMatch(/no mail server is configured/);
    expect(await house.outbox()).toMatchObject([{ status: 'pending' }]);
  });

  it('a test notification arrives too', async () => {
    const { mails, port } = await aMailServer();
    const { channel } = await aMailChannel();
    await house.audited((tx) => house.channels.test(tx, house.place.ann, channel.id));
    await house.aDelivery(port).run(signal);
    expect(mails[0]).toMatch(/Subject: Valtronics: test notification/);
  });

  it('takes one plain address only', async () => {
    for (const target of ['a@example.org, b@example.org', 'Ann <a@example.org>', 'nobody'])
      await expect(
        house.audited((tx) => house.channels.create(tx, house.place.ann, { name: 'Ops', kind: 'email', target })),
      ).rejects.toMatchObject({ errors: [{ path: 'target' }] });
  });
});
