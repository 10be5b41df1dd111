import { execFileSync, spawnSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ConnectionOptions, connect, createServer, type Server, type TLSSocket, type TlsOptions } from 'node:tls';
import 'reflect-metadata';
import * as x509 from '@peculiar/x509';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Clock, manualClock } from '../../../lib/clock.ts';
import { createKeyRing, type KeyRing } from '../key-ring.ts';
import { newRootKeyText, parseRootKey } from '../root-key.ts';
import { createAuthority, issueServerCertificate } from './authority.ts';
import { ownCertificates } from './certificate-source.ts';
import { requiredNames, serverNames } from './names.ts';
import { createServerTls } from './server-tls.ts';

const DAY_MS = 86_400_000;
/** A second opinion where the command is installed; Node verifies in any case. */
const hasOpenssl = spawnSync('openssl', ['version']).status === 0;
const hasIpv6 = Object.values(networkInterfaces()).some((all) => all?.some(({ address }) => address === '::1'));
const names = serverNames(new URL('https://vault.example.net:8000'), 'plant-7');
const quiet = { info() {}, warn() {}, error() {} };
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

async function listening(options: TlsOptions, host = '127.0.0.1'): Promise<{ server: Server; port: number }> {
  const server = createServer(options, (socket) => {
    socket.on('error', () => {});
    socket.pipe(socket);
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  return { server, port: (server.address() as AddressInfo).port };
}

async function echo(socket: TLSSocket, text: string): Promise<string> {
  const answer = once(socket, 'data');
  socket.write(text);
  return String((await answer)[0]);
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

const ownTls = (given: { keyRing?: KeyRing; clock?: Clock } = {}) =>
  createServerTls({
    config: { ...settings, dataDir: folder },
    keyRing: given.keyRing ?? aKeyRing(),
    clock: given.clock ?? manualClock(Date.now()),
    log: quiet as never,
  });

describe('own certificates', () => {
  it.each([
    ['localhost', '127.0.0.1'],
    ['127.0.0.1', '127.0.0.1'],
    ...(hasIpv6 ? [['::1', '::1'] satisfies [string, string]] : []),
  ])('prove the server to a client that connects to %s and trusts nothing but ca.pem', async (host, listenOn) => {
    const tls = await ownTls();
    const { port } = await listening(tls.secureContextOptions(), listenOn);
    // Node's own verification: chain, constraints and identity.
    const socket = await handshake({ port, host, ca: readFileSync(tls.caFile ?? '') });
    expect(socket.authorized).toBe(true);
    expect(socket.getProtocol()).toBe('TLSv1.3');
    socket.destroy();
    tls.stop();
  });

  it('are not accepted by a client that does not trust ca.pem, nor under another name', async () => {
    const tls = await ownTls();
    const { port } = await listening(tls.secureContextOptions());
    const ca = readFileSync(tls.caFile ?? '');
    await expect(handshake({ port, host: '127.0.0.1' })).rejects.toThrow();
    await expect(handshake({ port, host: '127.0.0.1', servername: 'example.com', ca })).rejects.toThrow(/altnames/);
    tls.stop();
  });

  it('have what browsers insist on', async () => {
    const now = new Date();
    const authority = await createAuthority(names, now);
    const issued = await issueServerCertificate(authority, names, now);
    const ca = new x509.X509Certificate(authority.certificatePem);
    const server = new x509.X509Certificate(issued.certificatePem);

    expect(ca.getExtension(x509.BasicConstraintsExtension)).toMatchObject({ ca: true, pathLength: 0, critical: true });
    expect(ca.getExtension(x509.KeyUsagesExtension)).toMatchObject({
      usages: x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign,
      critical: true,
    });
    expect(ca.getExtension('2.5.29.30')).toMatchObject({ critical: true });
    expect(server.getExtension(x509.BasicConstraintsExtension)).toMatchObject({ ca: false });
    for (const certificate of [ca, server]) {
      expect(certificate.getExtension(x509.ExtendedKeyUsageExtension)?.usages).toEqual([
        x509.ExtendedKeyUsage.serverAuth,
      ]);
      expect(certificate.publicKey.algorithm).toMatchObject({ name: 'ECDSA', namedCurve: 'P-256' });
    }
    const subjectKeyId = ca.getExtension(x509.SubjectKeyIdentifierExtension)?.keyId;
    expect(subjectKeyId).toMatch(/^[0-9a-f]{40}$/);
    expect(server.getExtension(x509.AuthorityKeyIdentifierExtension)?.keyId).toBe(subjectKeyId);
    for (const pem of [authority.certificatePem, issued.certificatePem]) {
      expect(new X509Certificate(pem).serialNumber).toMatch(/^[4-7][0-9A-F]{31}$/);
    }
    const { validFromDate, validToDate } = new X509Certificate(issued.certificatePem);
    expect(validToDate.getTime() - validFromDate.getTime()).toBeLessThanOrEqual(90 * DAY_MS);
  });

  it('[ASVS 12.1.1, 12.1.2] refuse TLS 1.2', async () => {
    const tls = await ownTls();
    const { port } = await listening(tls.secureContextOptions());
    await expect(
      handshake({ port, host: '127.0.0.1', rejectUnauthorized: false, maxVersion: 'TLSv1.2' }),
    ).rejects.toThrow(/protocol version/);
    tls.stop();
  });

  it.each(['X25519MLKEM768', 'X25519', 'P-256'])('agree on a key by %s', async (group) => {
    const tls = await ownTls();
    const { port } = await listening(tls.secureContextOptions());
    const socket = await handshake({ port, host: '127.0.0.1', ca: readFileSync(tls.caFile ?? ''), ecdhCurve: group });
    expect(socket.getProtocol()).toBe('TLSv1.3');
    socket.destroy();
    tls.stop();
  });

  it('cannot speak for other names: a certificate for example.com from the same authority is refused', async () => {
    const now = new Date();
    const authority = await createAuthority(names, now);
    const good = await issueServerCertificate(authority, names, now);
    const evil = await issueServerCertificate(authority, { hosts: ['example.com'], addresses: [] }, now);
    if (hasOpenssl) {
      for (const [file, { certificatePem }] of Object.entries({ ca: authority, good, evil }))
        writeFileSync(join(folder, `${file}.pem`), certificatePem);
      const verify = (file: string): string =>
        execFileSync('openssl', ['verify', '-CAfile', join(folder, 'ca.pem'), join(folder, `${file}.pem`)], {
          encoding: 'utf8',
          stdio: 'pipe',
        });
      expect(verify('good')).toContain('OK');
      expect(() => verify('evil')).toThrow(/permitted subtree violation/);
    }
    const { port } = await listening({ cert: evil.certificatePem, key: evil.privateKeyPem });
    await expect(
      handshake({ port, host: '127.0.0.1', servername: 'example.com', ca: authority.certificatePem }),
    ).rejects.toThrow(/permitted subtree/);
  });

  it('are renewed 30 days before they end, on a live listener, without ending an open connection', async () => {
    // Made 61 days ago, so that what is served before and after is valid by the verifying client's real clock.
    const clock = manualClock(Date.now() - 61 * DAY_MS);
    const tls = await ownTls({ clock });
    const { server, port } = await listening(tls.secureContextOptions());
    tls.onRenew(() => server.setSecureContext(tls.secureContextOptions()));
    const client = { port, host: '127.0.0.1', ca: readFileSync(tls.caFile ?? '') };
    const serialOf = (socket: TLSSocket): string | undefined => socket.getPeerX509Certificate()?.serialNumber;
    const before = await handshake(client);
    clock.advance(58 * DAY_MS);
    await tls.check();
    const unchanged = await handshake(client);
    expect(serialOf(unchanged)).toBe(serialOf(before));
    clock.advance(3 * DAY_MS);
    await tls.check();
    const after = await handshake(client);
    expect(after.authorized).toBe(true);
    expect(serialOf(after)).not.toBe(serialOf(before));
    expect(await echo(before, 'still here')).toBe('still here');
    for (const socket of [before, unchanged, after]) socket.destroy();
    tls.stop();
  });

  it('follow a new host name without a new authority, which nobody would trust yet', async () => {
    const keyRing = aKeyRing();
    const required = requiredNames(settings.publicUrl);
    const certificatesOn = (machine: string) =>
      ownCertificates(folder, { required, wanted: serverNames(settings.publicUrl, machine) }, keyRing).current(
        new Date(),
      );
    const first = await certificatesOn('office');
    const ca = readFileSync(join(folder, 'tls', 'ca.pem'), 'utf8');
    const moved = await certificatesOn('home');
    expect([first.isNewAuthority, moved.isNewAuthority]).toEqual([true, false]);
    expect(readFileSync(join(folder, 'tls', 'ca.pem'), 'utf8')).toBe(ca);
    expect(moved.certificatePem).toBe(first.certificatePem);
    expect(new X509Certificate(moved.certificatePem).checkHost('localhost')).toBe('localhost');
  });

  it('come from a new authority when the public host is one the old may not speak for, and the log says so', async () => {
    const keyRing = aKeyRing();
    const warnings: unknown[] = [];
    const log = { ...quiet, warn: (fields: unknown) => warnings.push(fields) } as never;
    const first = await ownTls({ keyRing });
    const ca = readFileSync(first.caFile ?? '', 'utf8');
    const second = await createServerTls({
      config: { ...settings, dataDir: folder, publicUrl: new URL('https://vault.example.net') },
      keyRing,
      clock: manualClock(Date.now()),
      log,
    });
    expect(readFileSync(second.caFile ?? '', 'utf8')).not.toBe(ca);
    expect(
      new X509Certificate(String(second.secureContextOptions().cert)).checkHost('vault.example.net'),
    ).toBeDefined();
    expect(warnings).toEqual([{ event: 'tls.new-authority', caFile: second.caFile }]);
    for (const tls of [first, second]) tls.stop();
  });

  it('are not served with a key that was swapped or altered on the disk', async () => {
    const keyRing = aKeyRing();
    (await ownTls({ keyRing })).stop();
    const [ca, server] = ['ca.key.sealed', 'server.key.sealed'].map((name) => join(folder, 'tls', name)) as [
      string,
      string,
    ];
    const original = readFileSync(server);
    writeFileSync(server, readFileSync(ca));
    await expect(ownTls({ keyRing })).rejects.toThrow(/server.key.sealed was altered/);
    original[original.length - 1] = (original.at(-1) ?? 0) ^ 1;
    writeFileSync(server, original);
    await expect(ownTls({ keyRing })).rejects.toThrow(/server.key.sealed was altered/);
  });

  it('survive a restart, with keys that are nowhere in clear', async () => {
    const keyRing = aKeyRing();
    const options = {
      config: { ...settings, dataDir: folder },
      keyRing,
      clock: manualClock(Date.now()),
      log: quiet as never,
    };
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
    const tls = await createServerTls({ config, keyRing: aKeyRing(), clock: manualClock(0), log: quiet as never });
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
