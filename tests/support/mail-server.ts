import { SMTPServer } from 'smtp-server';

export interface ReceivedMail {
  readonly to: readonly string[];
  readonly subject: string;
  /** Headers and all parts, with their transfer encoding undone. */
  readonly text: string;
}

export interface TestMailServer {
  /** For VALTRONICS_SMTP_URL. */
  readonly url: string;
  to(address: string): ReceivedMail[];
  /** The latest mail to somebody whose subject says so, waiting for it up to ten seconds. */
  next(address: string, subject: string, after?: number): Promise<ReceivedMail>;
  close(): void;
}

/** A mail server that keeps what it is sent. */
export async function aMailServer(): Promise<TestMailServer> {
  const received: ReceivedMail[] = [];
  const server = new SMTPServer({
    disabledCommands: ['STARTTLS'],
    authOptional: true,
    onData(stream, session, callback) {
      let raw = '';
      stream.on('data', (chunk: Buffer) => {
        raw += chunk.toString();
      });
      stream.on('end', () => {
        const subject = /^Subject: (.*(?:\r\n[ \t].*)*)/m.exec(raw)?.[1] ?? '';
        received.push({
          to: session.envelope.rcptTo.map(({ address }) => address),
          subject: subject.replaceAll(/\r\n[ \t]/g, ' '),
          text: plainOf(raw),
        });
        callback();
      });
    },
  });
  server.on('error', () => undefined);
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const address = server.server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const to = (whom: string) => received.filter((mail) => mail.to.includes(whom));

  return {
    url: `smtp://127.0.0.1:${port}`,
    to,
    async next(whom, subject, after = 0) {
      for (let round = 0; round < 200; round += 1) {
        const found = to(whom).filter((mail) => mail.subject.includes(subject));
        const last = found.at(-1);
        if (last && found.length > after) return last;
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
      const subjects = to(whom).map((mail) => mail.subject);
      throw new Error(`no mail "${subject}" to ${whom} came; there are ${JSON.stringify(subjects)}`);
    },
    close: () => server.close(),
  };
}

/** Quoted-printable undone (RFC 2045, 6.7). */
const plainOf = (raw: string): string =>
  raw
    .replaceAll(/=\r\n/g, '')
    .replaceAll(/=([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
