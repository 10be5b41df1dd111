import { createServer } from 'node:net';
import { createTransport } from 'nodemailer';
import { SMTPServer, type SMTPServerOptions } from 'smtp-server';
import { afterEach, describe, expect, it } from 'vitest';
import { aSelfSignedCertificate } from '../../../../tests/support/self-signed-certificate.ts';
import { secret } from '../config/secret.ts';
import { createMailer, isMailAddress, type MailerOptions } from './mailer.ts';
import { smtpOptions } from './smtp-options.ts';

const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

interface Received {
  from: string;
  to: string[];
  raw: string;
}

async function aMailServer(options: SMTPServerOptions = {}) {
  const received: Received[] = [];
  const server = new SMTPServer({
    disabledCommands: ['STARTTLS'],
    authOptional: true,
    onData(stream, session, callback) {
      let raw = '';
      stream.on('data', (chunk: Buffer) => {
        raw += chunk.toString();
      });
      stream.on('end', () => {
        const { mailFrom, rcptTo } = session.envelope;
        received.push({ from: mailFrom ? mailFrom.address : '', to: rcptTo.map(({ address }) => address), raw });
        callback();
      });
    },
    ...options,
  });
  server.on('error', () => undefined);
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  closing.push(() => server.close());
  const address = server.server.address();
  return { received, port: typeof address === 'object' && address !== null ? address.port : 0 };
}

const aMailer = (url: string | undefined, rest: Partial<MailerOptions> = {}) =>
  createMailer({
    smtpUrl: url === undefined ? undefined : secret(url),
    publicUrl: new URL('https://valtronics.example.org'),
    ...rest,
  });
const aMail = { to: 'ann@example.org', subject: 'Too warm', text: 'It is 9.1', html: '<p>It is 9.1</p>' };

describe('mail', () => {
  it('goes out with the new password once that was replaced', async () => {
    let password = 'of May';
    const { received, port } = await aMailServer({
      authOptional: false,
      onAuth: (auth, _session, done) =>
        auth.password === password ? done(null, { user: 'valtronics' }) : done(new Error('no')),
    });
    let given = 'of May';
    const smtpUrl = secret(() => `smtp://valtronics:${encodeURIComponent(given)}@127.0.0.1:${port}`);
    const mailer = createMailer({ smtpUrl, publicUrl: new URL('https://valtronics.example.org') });
    await mailer.send(aMail);
    password = 'of June';
    await expect(mailer.send(aMail)).rejects.toThrow(/mail server/);
    given = 'of June';
    await mailer.send(aMail);
    expect(received).toHaveLength(2);
  });

  it('arrives as plain text and HTML from the address of this installation', async () => {
    const { received, port } = await aMailServer();
    await aMailer(`smtp://127.0.0.1:${port}`).send(aMail);
    expect(received).toHaveLength(1);
    expect(received[0]).toMatchObject({ from: 'valtronics@valtronics.example.org', to: ['ann@example.org'] });
    for (const part of ['Subject: Too warm', 'text/plain', 'It is 9.1', 'text/html', '<p>It is 9.1</p>'])
      expect(received[0]?.raw).toContain(part);
  });

  it('signs in with the credentials of the URL and sends from that address', async () => {
    const logins: unknown[] = [];
    const { received, port } = await aMailServer({
      authOptional: false,
      onAuth(auth, _session, callback) {
        logins.push([auth.username, auth.password]);
        callback(null, { user: auth.username });
      },
    });
    await aMailer(`smtp://alerts%40example.org:p%40ss@127.0.0.1:${port}`).send(aMail);
    expect(logins).toEqual([['alerts@example.org', 'p@ss']]);
    expect(received[0]?.from).toBe('alerts@example.org');
  });

  it('[ASVS 1.3.11] cannot be given further headers through the subject', async () => {
    const { received, port } = await aMailServer();
    const subject = 'Warm\r\nBcc: eve@example.org\r\n\r\nHello\u2028X-Other: 1';
    await aMailer(`smtp://127.0.0.1:${port}`).send({ ...aMail, subject });
    const header = received[0]?.raw.split('\r\n\r\n')[0] ?? '';
    expect(received[0]?.to).toEqual(['ann@example.org']);
    expect(header).not.toMatch(/^(Bcc|X-Other):/im);
    expect(header).toMatch(/^Subject: /m);
  });

  it.each([
    'ann@example.org, eve@example.org',
    'ann@example.org\r\nRCPT TO:<eve@example.org>',
    'Ann <ann@example.org>',
    '"a b"@example.org',
    'group: ann@example.org;',
    'ann',
    '@example.org',
    `${'a'.repeat(250)}@example.org`,
  ])('takes one plain recipient only: %j is refused', async (to) => {
    const { received, port } = await aMailServer();
    await expect(aMailer(`smtp://127.0.0.1:${port}`).send({ ...aMail, to })).rejects.toThrow(/recipient/);
    expect(isMailAddress(to)).toBe(false);
    expect(received).toEqual([]);
  });

  it('says so when no mail server is configured', async () => {
    const mailer = aMailer(undefined);
    expect(mailer.configured).toBe(false);
    await expect(mailer.send(aMail)).rejects.toThrow('no mail server is configured');
  });

  it('fails without the credentials in its message when the server refuses', async () => {
    const { port } = await aMailServer({
      onRcptTo: (_address, _session, callback) => callback(Object.assign(new Error('no'), { responseCode: 550 })),
    });
    const sending = aMailer(`smtp://127.0.0.1:${port}`).send(aMail);
    await expect(sending).rejects.toThrow('the mail server refused the message (550)');
  });

  it('gives up on a server that accepts and says nothing', async () => {
    const silent = createServer(() => undefined);
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    closing.push(() => silent.close());
    const address = silent.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const started = Date.now();
    await expect(aMailer(`smtp://127.0.0.1:${port}`, { timeoutMs: 200 }).send(aMail)).rejects.toThrow();
    expect(Date.now() - started).toBeLessThan(3_000);
  });

  it('does not fall back to plain text when STARTTLS is required', async () => {
    const { received, port } = await aMailServer();
    await expect(aMailer(`smtp://127.0.0.1:${port}?requireTLS=true`).send(aMail)).rejects.toThrow();
    expect(received).toEqual([]);
  });

  it('uses STARTTLS when it is required', async () => {
    const isEncrypted: boolean[] = [];
    const { port } = await aMailServer({
      disabledCommands: [],
      ...aSelfSignedCertificate('localhost'),
      onMailFrom(_address, session, callback) {
        isEncrypted.push(session.secure);
        callback();
      },
    });
    await aMailer(`smtp://127.0.0.1:${port}?requireTLS=true`).send(aMail);
    expect(isEncrypted).toEqual([true]);
  });

  it.each(['smtp://mail.example.org', 'smtps://mail.example.org', 'smtp://10.0.0.1'])(
    '[ASVS 12.3.2] off loopback an unknown certificate is not trusted: %s',
    async (url) => {
      const { received, port } = await aMailServer({
        secure: url.startsWith('smtps:'),
        disabledCommands: [],
        ...aSelfSignedCertificate('mail.example.org'),
      });
      // The options of the real host, pointed at a server that only pretends to be it.
      const options = { ...smtpOptions(secret(url), 2_000), host: '127.0.0.1', port };
      const sending = createTransport(options).sendMail({ from: 'a@example.org', to: aMail.to, text: aMail.text });
      await expect(sending).rejects.toThrow(/certificate/);
      expect(received).toEqual([]);
    },
  );
});
