import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ConnectionOptions, connect, createServer, type Server, type TLSSocket, type TlsOptions } from 'node:tls';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { manualClock } from '../../../lib/clock.ts';
import { createKeyRing } from '../key-ring.ts';
import { newRootKeyText, parseRootKey } from '../root-key.ts';
import { createAuthority, issueServerCertificate } from './authority.ts';
import { serverNames } from './names.ts';
import { createServerTls } from './server-tls.ts';

const DAY_MS = 86_400_000;
const names = serverNames(new URL('https://vault.example.net:8000'), 'plant-7');
const quiet = { info() {}, error() {} } as never;
let folder = '';
const servers: Server[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'valtronics-tls-'));
});
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
  rmSync(folder, { recursive: true, force: true });
});

function aKeyRing() {
  const root = parseRootKey(newRootKeyText());
  if (!root) throw new Error('no root key');
  return createKeyRing(root);
}

async function listening(options: TlsOptions): Promise<{ server: Server; port: number }> {
  const server = createServer(options, (socket) => {
    socket.on('error', () => {});
    socket.write('hello');
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { server, port: (server.address() as AddressInfo).port };
}

function handshake(options: ConnectionOptions): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const socket = connect(options, () => resolve(socket));
    socket.once('error', reject);
  });
}

const settings = {
  dataDir: '',
  publicUrl: new URL('https://localhost:8000'),
  tls: { mode: 'auto' as const, certFile: undefined, keyFile: undefined },
};

describe('own certificates', () => {
  it.each(['localhost', '127.0.0.1', '::1'])(
    'prove the server to a client that asks for %s and trusts ca.pem',
    async (name) => {
      const tls = await createServerTls({
        config: { ...settings, dataDir: folder },
        keyRing: aKeyRing(),
        clock: manualClock(Date.now()),
        log: quiet,
      });
      const { port } = await listening(tls.secureContextOptions());
      const socket = await handshake({
        port,
        host: '127.0.0.1',
        ca: readFileSync(tls.caFile ?? ''),
        ...(name === 'localhost' ? { servername: name } : {}),
        checkServerIdentity: (_host, certificate) => {
          expect(certificate.subjectaltname).toContain(name === '::1' ? '0:0:0:0:0:0:0:1' : name);
          return undefined;
        },
      });
      expect(socket.authorized).toBe(true);
      expect(socket.getProtocol()).toBe('TLSv1.3');
      socket.destroy();
      tls.stop();
    },
  );

  it('refuse TLS 1.2', async () => {
    const tls = await createServerTls({
      config: { ...settings, dataDir: folder },
      keyRing: aKeyRing(),
      clock: manualClock(Date.now()),
      log: quiet,
    });
    const { port } = await listening(tls.secureContextOptions());
    await expect(
      handshake({ port, host: '127.0.0.1', rejectUnauthorized: false, maxVersion: 'TLSv1.2' }),
    ).rejects.toThrow();
    tls.stop();
  });

  it('cannot speak for other names: a certificate for example.com from the same authority is refused', async () => {
    const now = new Date();
    const authority = await createAuthority(names, now);
    const good = await issueServerCertificate(authority, names, now);
    const evil = await issueServerCertificate(authority, { hosts: ['example.com'], addresses: [] }, now);
    for (const [file, pem] of Object.entries({
      'ca.pem': authority.certificatePem,
      'good.pem': good.certificatePem,
      'evil.pem': evil.certificatePem,
    }))
      writeFileSync(join(folder, file), pem);
    const verify = (file: string): string =>
      execFileSync('openssl', ['verify', '-CAfile', join(folder, 'ca.pem'), join(folder, file)], {
        encoding: 'utf8',
        stdio: 'pipe',
      });
    expect(verify('good.pem')).toContain('OK');
    expect(() => verify('evil.pem')).toThrow(/permitted subtree violation/);
    const { port } = await listening({ cert: evil.certificatePem, key: evil.privateKeyPem });
    await expect(
      handshake({ port, host: '127.0.0.1', servername: 'example.com', ca: authority.certificatePem }),
    ).rejects.toThrow(/permitted subtree/);
  });

  it('are renewed 30 days before they end, on a live listener, without ending an open connection', async () => {
    const clock = manualClock(Date.now());
    const keyRing = aKeyRing();
    const tls = await createServerTls({ config: { ...settings, dataDir: folder }, keyRing, clock, log: quiet });
    const { server, port } = await listening(tls.secureContextOptions());
    tls.onRenew(() => server.setSecureContext(tls.secureContextOptions()));
    const ca = readFileSync(tls.caFile ?? '');
    const before = await handshake({ port, host: '127.0.0.1', servername: 'localhost', ca });
    await tls.check();
    const unchanged = await handshake({ port, host: '127.0.0.1', servername: 'localhost', ca });
    expect(unchanged.getPeerCertificate().serialNumber).toBe(before.getPeerCertificate().serialNumber);
    clock.advance(60 * DAY_MS);
    await tls.check();
    const after = await handshake({ port, host: '127.0.0.1', servername: 'localhost', ca, rejectUnauthorized: false });
    expect(after.getPeerCertificate().serialNumber).not.toBe(before.getPeerCertificate().serialNumber);
    expect(before.destroyed).toBe(false);
    for (const socket of [before, unchanged, after]) socket.destroy();
    tls.stop();
  });

  it('survive a restart, with keys that are nowhere in clear', async () => {
    const keyRing = aKeyRing();
    const options = { config: { ...settings, dataDir: folder }, keyRing, clock: manualClock(Date.now()), log: quiet };
    const first = await createServerTls(options);
    const second = await createServerTls(options);
    expect(second.secureContextOptions().cert).toBe(first.secureContextOptions().cert);
    for (const file of readdirSync(join(folder, 'tls')))
      expect(readFileSync(join(folder, 'tls', file), 'latin1')).not.toContain('PRIVATE');
    expect(readdirSync(join(folder, 'tls'))).toEqual(['ca.key.sealed', 'ca.pem', 'server.key.sealed', 'server.pem']);
    first.stop();
    second.stop();
  });
});

describe('certificate files', () => {
  it('are reloaded when they change, and a broken new one leaves the old in service', async () => {
    const now = new Date();
    const authority = await createAuthority(names, now);
    const put = async () => {
      const issued = await issueServerCertificate(authority, names, now);
      writeFileSync(join(folder, 'cert.pem'), issued.certificatePem);
      writeFileSync(join(folder, 'key.pem'), issued.privateKeyPem);
      return issued.certificatePem;
    };
    const first = await put();
    const config = {
      ...settings,
      dataDir: folder,
      tls: { mode: 'files' as const, certFile: join(folder, 'cert.pem'), keyFile: join(folder, 'key.pem') },
    };
    const tls = await createServerTls({ config, keyRing: aKeyRing(), clock: manualClock(0), log: quiet });
    expect(tls.secureContextOptions().cert).toBe(first);
    writeFileSync(join(folder, 'cert.pem'), 'not a certificate');
    await tls.check();
    expect(tls.secureContextOptions().cert).toBe(first);
    const second = await put();
    await tls.check();
    expect(tls.secureContextOptions().cert).toBe(second);
    tls.stop();
  });
});
