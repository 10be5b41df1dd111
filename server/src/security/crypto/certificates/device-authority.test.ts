import { execFileSync, spawnSync } from 'node:child_process';
import { generateKeyPairSync, X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import 'reflect-metadata';
import * as x509 from '@peculiar/x509';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { aCertificateRequest } from '../../../../../tests/support/certificate-requests.ts';
import { readCertificateRequest } from './certificate-request.ts';
import { createDeviceAuthority, type DeviceAuthority, newDeviceKey, openDeviceAuthority } from './device-authority.ts';
import { pemBytes, toPem } from './keys.ts';

const DAY_MS = 86_400_000;
const now = new Date();
const subject = {
  deviceId: '01890a5d-ac96-774b-bcce-b302099a8057',
  organisation: '4b2a3a76-6c9f-4b8e-9a0e-3f6d2a1c5e7f',
};
const terms = { now, validDays: 90, crlUrl: 'https://localhost:8000/.well-known/device-ca.crl' };
let authority: DeviceAuthority;
let folder: string;
beforeAll(async () => {
  authority = await openDeviceAuthority(await createDeviceAuthority(now));
  folder = mkdtempSync(join(tmpdir(), 'valtronics-device-ca-'));
  writeFileSync(join(folder, 'ca.pem'), authority.certificatePem);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const put = (name: string, content: string | Buffer): string => {
  writeFileSync(join(folder, name), content);
  return join(folder, name);
};
const openssl = (...args: string[]): string => execFileSync('openssl', args, { encoding: 'utf8', cwd: folder });

describe('a certificate of a device', () => {
  it('says one device, for clients only, is no authority, and lives 90 days to the second', async () => {
    const { key } = await newDeviceKey();
    const issued = await authority.issue(subject, key, terms);
    const certificate = new x509.X509Certificate(issued.pem);
    expect(certificate.subject).toBe(`CN=${subject.deviceId}, O=${subject.organisation}`);
    expect(certificate.getExtension(x509.SubjectAlternativeNameExtension)?.names.toJSON()).toEqual([
      { type: 'url', value: `urn:uuid:${subject.deviceId}` },
    ]);
    expect(certificate.getExtension(x509.BasicConstraintsExtension)).toMatchObject({ ca: false, critical: true });
    expect(certificate.getExtension(x509.KeyUsagesExtension)).toMatchObject({
      usages: x509.KeyUsageFlags.digitalSignature,
      critical: true,
    });
    expect(certificate.getExtension(x509.ExtendedKeyUsageExtension)?.usages).toEqual([
      x509.ExtendedKeyUsage.clientAuth,
    ]);
    expect(certificate.notAfter.getTime() - certificate.notBefore.getTime()).toBe(90 * DAY_MS);
    expect([certificate.notBefore, certificate.notAfter]).toEqual([issued.notBefore, issued.notAfter]);
    expect(certificate.serialNumber).toBe(issued.serial);
    expect(issued.serial).toMatch(/^01[0-9a-f]{32}$/);
    expect(new X509Certificate(issued.pem).fingerprint256.replaceAll(':', '').toLowerCase()).toBe(
      issued.fingerprint.toString('hex'),
    );
  });

  it('two never share a serial number', async () => {
    const { key } = await newDeviceKey();
    const all = await Promise.all(Array.from({ length: 50 }, () => authority.issue(subject, key, terms)));
    expect(new Set(all.map(({ serial }) => serial)).size).toBe(50);
  });

  it('openssl takes it for a client, and neither it nor its authority for a server', async () => {
    const { key } = await newDeviceKey();
    const file = put('device.pem', (await authority.issue(subject, key, terms)).pem);
    expect(openssl('verify', '-x509_strict', '-purpose', 'sslclient', '-CAfile', 'ca.pem', file)).toContain('OK');
    const asServer = spawnSync('openssl', ['verify', '-purpose', 'sslserver', '-CAfile', 'ca.pem', file], {
      cwd: folder,
    });
    expect(asServer.status).not.toBe(0);
  });

  it('the private key made here belongs to it', async () => {
    const { key, privateKeyPem } = await newDeviceKey();
    const { pem } = await authority.issue(subject, key, terms);
    const file = put('made.key', privateKeyPem);
    const ofKey = openssl('pkey', '-in', file, '-pubout');
    expect(openssl('x509', '-in', put('made.pem', pem), '-noout', '-pubkey')).toBe(ofKey);
  });
});

describe('a request', () => {
  it.each([
    ['P-256', ['ec', '-pkeyopt', 'ec_paramgen_curve:P-256']],
    ['P-384', ['ec', '-pkeyopt', 'ec_paramgen_curve:P-384']],
    ['Ed25519', ['ed25519']],
    ['RSA', ['rsa:2048']],
  ] as const)('made by openssl with a key of %s is taken, and its certificate verifies', async (keyType, newKey) => {
    const request = await readCertificateRequest(aCertificateRequest([...newKey]).csr);
    expect(request.keyType).toBe(keyType);
    const { pem } = await authority.issue(subject, request, terms);
    expect(openssl('verify', '-x509_strict', '-CAfile', 'ca.pem', put(`${keyType}.pem`, pem))).toContain('OK');
  });

  it('what it asks to be named or allowed counts for nothing', async () => {
    const { csr } = aCertificateRequest(
      ['ec', '-pkeyopt', 'ec_paramgen_curve:P-256'],
      [
        '-subj',
        '/CN=somebody else',
        '-addext',
        'basicConstraints=CA:TRUE',
        '-addext',
        'subjectAltName=DNS:evil.example',
      ],
    );
    const certificate = new x509.X509Certificate(
      (await authority.issue(subject, await readCertificateRequest(csr), terms)).pem,
    );
    expect(certificate.subject).toContain(subject.deviceId);
    expect(certificate.toString('text')).not.toMatch(/evil|somebody/);
    expect(certificate.getExtension(x509.BasicConstraintsExtension)?.ca).toBe(false);
  });

  it.each([
    ['RSA of 1,024 bits', ['rsa:1024']],
    ['secp256k1', ['ec', '-pkeyopt', 'ec_paramgen_curve:secp256k1']],
    ['P-521', ['ec', '-pkeyopt', 'ec_paramgen_curve:P-521']],
    ['Ed448', ['ed448']],
  ])('with a key of %s is refused', async (_, newKey) => {
    await expect(readCertificateRequest(aCertificateRequest(newKey).csr)).rejects.toThrow('key of another kind');
  });

  it('signed with SHA-1 is refused', async () => {
    const { csr } = aCertificateRequest(['rsa:2048'], ['-sha1']);
    await expect(readCertificateRequest(csr)).rejects.toThrow('weak hash');
  });

  it('whose signature is of another key is refused: nobody gets a certificate for a key they do not hold', async () => {
    const honest = pemBytes(aCertificateRequest().csr);
    const other = generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ type: 'spki', format: 'der' });
    const at = honest.indexOf(other.subarray(0, 26));
    const forged = Buffer.from(honest);
    other.copy(forged, at);
    await expect(readCertificateRequest(toPem('CERTIFICATE REQUEST', forged))).rejects.toThrow(
      'not signed by its own key',
    );
  });

  it.each([
    ['nothing', ''],
    ['a certificate', '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n'],
    ['other bytes', toPem('CERTIFICATE REQUEST', Buffer.from('no DER at all'))],
    ['half a request', toPem('CERTIFICATE REQUEST', Buffer.from([0x30, 0x82, 0xff, 0xff, 0x30]))],
    ['bytes nested without end', toPem('CERTIFICATE REQUEST', Buffer.alloc(5000, Buffer.from([0x30, 0x80])))],
  ])('of %s is refused', async (_, text) => {
    await expect(readCertificateRequest(text)).rejects.toThrow('is not a PKCS#10 request');
  });
});

describe('the revocation list', () => {
  it('openssl refuses what is on it and takes what is not', async () => {
    const [good, bad] = await Promise.all(
      [1, 2].map(async () => authority.issue(subject, (await newDeviceKey()).key, terms)),
    );
    if (!good || !bad) throw new Error('no certificates');
    const until = new Date(now.getTime() + DAY_MS);
    const list = await authority.revocationList([{ serial: bad.serial, revokedAt: now }], now, until);
    const crl = put('list.pem', openssl('crl', '-inform', 'DER', '-in', put('list.crl', list)));
    const check = (pem: string) =>
      spawnSync(
        'openssl',
        ['verify', '-x509_strict', '-crl_check', '-CAfile', 'ca.pem', '-CRLfile', crl, put('x.pem', pem)],
        {
          cwd: folder,
          encoding: 'utf8',
        },
      );
    expect(check(good.pem)).toMatchObject({ status: 0 });
    const refused = check(bad.pem);
    expect(refused.status).not.toBe(0);
    expect(refused.stderr).toContain('certificate revoked');
    expect(openssl('crl', '-in', crl, '-noout', '-text')).toMatch(/CRL Number:\s+\d+[\s\S]*Serial Number: 01/i);
    expect(readFileSync(crl, 'utf8')).toContain('BEGIN X509 CRL');
  });

  it('an empty one is a list too', async () => {
    const list = await authority.revocationList([], now, new Date(now.getTime() + DAY_MS));
    expect(openssl('crl', '-inform', 'DER', '-in', put('empty.crl', list), '-noout', '-text')).toContain(
      'No Revoked Certificates',
    );
  });
});
