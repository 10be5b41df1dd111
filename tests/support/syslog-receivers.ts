import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { aCertificateAuthority, type CertificateAuthority } from './database-certificates.ts';
import { until } from './database-faults.ts';
import { freePorts } from './free-ports.ts';

const RSYSLOG = '/usr/sbin/rsyslogd';
const RSYSLOG_TLS = '/usr/lib/x86_64-linux-gnu/rsyslog/lmnsd_gtls.so';
// Where tests/install-syslog-ng unpacks it.
const SYSLOG_NG = '/var/cache/valtronics-tests/syslog-ng';

export const syslogKinds = ['rsyslog', 'syslog-ng'] as const;
export type SyslogKind = (typeof syslogKinds)[number];

export const hasSyslog: Record<SyslogKind, boolean> = {
  rsyslog: existsSync(RSYSLOG) && existsSync(RSYSLOG_TLS),
  'syslog-ng': existsSync(join(SYSLOG_NG, 'usr/sbin/syslog-ng')),
};

export interface SyslogReceiver {
  readonly port: number;
  /** Who may send, and whom a sender trusts. */
  readonly authority: CertificateAuthority;
  readonly client: { readonly certificate: string; readonly key: string };
  /** What it wrote, a message a line. */
  text(): string;
  start(): Promise<void>;
  /** kill -9 */
  kill(): Promise<void>;
  /** SIGSTOP: the connections stay and nobody reads. */
  pause(): void;
  resume(): void;
  stop(): Promise<void>;
}

/** A real one as a process of its own, on a free port of loopback, which asks for a certificate of its authority (mutual TLS). */
export async function aSyslogReceiver(kind: SyslogKind): Promise<SyslogReceiver> {
  const folder = mkdtempSync(join(tmpdir(), `valtronics-${kind}-`));
  const [port = 0] = await freePorts(1);
  const authority = aCertificateAuthority('The syslog authority');
  const client = authority.issue(['valtronics']);
  const server = authority.issue(['siem.example']);
  writeFileSync(join(folder, 'ca.pem'), authority.certificate);
  writeFileSync(join(folder, 'server.pem'), server.certificate);
  writeFileSync(join(folder, 'server.key'), server.key, { mode: 0o600 });
  const { program, args, env } = (kind === 'rsyslog' ? rsyslog : syslogNg)(folder, port);
  let child: ChildProcess | undefined;
  let said = '';
  const isOver = () => child === undefined || child.exitCode !== null || child.signalCode !== null;

  /** Somebody answers the handshake. */
  const answers = (): Promise<boolean> =>
    new Promise((resolve) => {
      const socket = connect({
        host: '127.0.0.1',
        port,
        rejectUnauthorized: false,
        cert: client.certificate,
        key: client.key,
      });
      socket.once('secureConnect', () => {
        socket.end();
        resolve(true);
      });
      socket.once('error', () => resolve(false));
    });

  async function start(): Promise<void> {
    const started = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...env } });
    child = started;
    for (const stream of [started.stdout, started.stderr])
      stream.on('data', (chunk: Buffer) => {
        said = `${said}${chunk}`.slice(-4000);
      });
    await until(async () => {
      if (isOver()) throw new Error(`${kind} ended: ${said}`);
      return answers();
    }, 30_000);
  }

  async function kill(): Promise<void> {
    if (child === undefined || isOver()) return;
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await gone;
  }

  await start();
  return {
    port,
    authority,
    client,
    text: () => (existsSync(join(folder, 'out.log')) ? readFileSync(join(folder, 'out.log'), 'utf8') : ''),
    start,
    kill,
    pause: () => void child?.kill('SIGSTOP'),
    resume: () => void child?.kill('SIGCONT'),
    async stop() {
      await kill();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function rsyslog(folder: string, port: number) {
  writeFileSync(
    join(folder, 'rsyslog.conf'),
    `global(workDirectory="${folder}" maxMessageSize="16k" defaultNetstreamDriver="gtls"
  defaultNetstreamDriverCAFile="${folder}/ca.pem" defaultNetstreamDriverCertFile="${folder}/server.pem"
  defaultNetstreamDriverKeyFile="${folder}/server.key")
module(load="imtcp" streamDriver.name="gtls" streamDriver.mode="1" streamDriver.authMode="x509/name" permittedPeer=["valtronics"])
input(type="imtcp" address="127.0.0.1" port="${port}")
template(name="message" type="string" string="%msg%\\n")
action(type="omfile" file="${folder}/out.log" template="message")
`,
  );
  return {
    program: RSYSLOG,
    args: ['-n', '-f', join(folder, 'rsyslog.conf'), '-i', join(folder, 'rsyslog.pid')],
    env: {},
  };
}

function syslogNg(folder: string, port: number) {
  mkdirSync(join(folder, 'run'));
  writeFileSync(
    join(folder, 'syslog-ng.conf'),
    `@version: 3.38
options { log-msg-size(16384); stats-freq(0); };
source s_tls {
  syslog(ip("127.0.0.1") port(${port}) transport("tls")
    tls(ca-file("${folder}/ca.pem") cert-file("${folder}/server.pem") key-file("${folder}/server.key") peer-verify(required-trusted)));
};
destination d_file { file("${folder}/out.log" template("$MSG\\n")); };
log { source(s_tls); destination(d_file); };
`,
  );
  const file = (name: string) => join(folder, 'run', name);
  return {
    program: join(SYSLOG_NG, 'usr/sbin/syslog-ng'),
    args: [
      ...['--foreground', '--no-caps', '--stderr', '-f', join(folder, 'syslog-ng.conf')],
      ...['-p', file('pid'), '-c', file('ctl'), '-R', file('persist')],
      ...['--module-path', join(SYSLOG_NG, 'usr/lib/syslog-ng/3.38')],
    ],
    env: { LD_LIBRARY_PATH: join(SYSLOG_NG, 'usr/lib/syslog-ng') },
  };
}
