import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import 'reflect-metadata';
import * as x509 from '@peculiar/x509';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { anApp, freshAddress, type Person, type TestApp } from '../../../../tests/support/app.ts';
import { aCertificateRequest } from '../../../../tests/support/certificate-requests.ts';
import { aCertifiedDevice, callAsDevice, type Identity } from '../../../../tests/support/device-certificates.ts';

const SCRAPE = 'scrape-token-of-the-certificates-test';
const POINT = { points: [{ metric: 'temperature', value: 1 }] };
let app: TestApp;
let admin: Person;
beforeAll(async () => {
  app = await anApp({ env: { VALTRONICS_DEVICE_PORT: '0', VALTRONICS_METRICS_TOKEN: SCRAPE } });
  admin = await app.aPerson('admin');
});
afterAll(() => app?.stop());

const ask = (method: string, path: string, body?: unknown, as = admin) =>
  app.call(method, `/api/v1${path}`, { token: as.accessToken, ...(body === undefined ? {} : { body }) });
const enrol = (body: unknown) => app.call('POST', '/api/v1/device-provisioning/enrol', { body, from: freshAddress() });
const sends = (identity: Identity) => callAsDevice(app, identity, 'POST', '/api/v1/telemetry', { body: POINT });
const certificatesOf = async (id: string) => (await ask('GET', `/devices/${id}/certificates`)).json.items;
const events = async (event: string, resource: string) =>
  (
    await app.database.admin.query(
      'select actor_kind, actor_id, details from audit_events where event = $1 and resource_id = $2 order by at',
      [event, resource],
    )
  ).rows;

async function aClaim(body: object = {}): Promise<{ id: string; token: string }> {
  const made = await ask('POST', '/device-provisioning/claims', { deviceType: 'freezer', ...body });
  expect(made.status, made.text).toBe(201);
  return made.json.claims[0];
}

describe('issuing', () => {
  it('for a request: no private key is in the answer, the certificate is of the key that asked', async () => {
    const device = await app.aDevice(admin);
    const { csr, key } = aCertificateRequest();
    const { status, json } = await ask('POST', `/devices/${device.id}/certificates`, { csr, label: 'of the factory' });
    expect([status, json.privateKeyPem]).toEqual([201, undefined]);
    expect(json.certificate).toMatchObject({ label: 'of the factory', keyType: 'P-256', revokedAt: null });
    expect(json.chainPem).toBe((await ask('GET', '/device-authority')).json.pem);
    expect((await sends({ cert: json.pem, key })).status).toBe(200);
  });

  it('without one: the key is shown once, and is in no table and no event', async () => {
    const device = await aCertifiedDevice(app, admin);
    expect((await sends(device)).status).toBe(200);
    const middle = device.key.split('\n')[1] ?? '';
    expect(middle.length).toBe(64);
    const { rows } = await app.database.admin.query(
      `select 1 from device_certificates c where c::text like $1 union all select 1 from audit_events a where a::text like $1`,
      [`%${middle}%`],
    );
    expect(rows).toEqual([]);
    expect(JSON.stringify(await certificatesOf(device.id))).not.toContain('PRIVATE');
  });

  it('is recorded with who did it and which certificate it is', async () => {
    const device = await aCertifiedDevice(app, admin);
    const [certificate] = await certificatesOf(device.id);
    expect(await events('device.certificate_issued', device.id)).toEqual([
      {
        actor_kind: 'user',
        actor_id: admin.userId,
        details: {
          certificateId: certificate.id,
          serial: certificate.serial,
          fingerprintSha256: certificate.fingerprintSha256,
          keyType: 'P-256',
          notAfter: certificate.notAfter,
          keyMadeHere: true,
        },
      },
    ]);
  });

  it.each([0, 91, 1.5, -1])('for %d days is refused: a certificate lives 1 to 90', async (validDays) => {
    const device = await app.aDevice(admin);
    expect((await ask('POST', `/devices/${device.id}/certificates`, { validDays })).status).toBe(400);
  });

  it('a bad request names its field and stores nothing', async () => {
    const device = await app.aDevice(admin);
    const answer = await ask('POST', `/devices/${device.id}/certificates`, { csr: 'hello' });
    expect([answer.status, answer.json.errors]).toEqual([
      400,
      [{ path: 'csr', message: 'is not a PKCS#10 request in PEM' }],
    ]);
    expect(await certificatesOf(device.id)).toEqual([]);
  });

  it('stops at twenty that can be used', async () => {
    const device = await app.aDevice(admin);
    const all = await Promise.all(
      Array.from({ length: 24 }, () => ask('POST', `/devices/${device.id}/certificates`, {})),
    );
    expect(all.filter(({ status }) => status === 201)).toHaveLength(20);
    expect(all.filter(({ status }) => status === 409)).toHaveLength(4);
  });

  it('[ASVS 8.2.2] people of another organisation see, issue and revoke nothing, and cannot tell that there is something', async () => {
    const device = await aCertifiedDevice(app, admin);
    const stranger = await app.aPerson('admin', await app.anotherOrganisation());
    const path = `/devices/${device.id}/certificates`;
    for (const [method, where, body] of [
      ['GET', path, undefined],
      ['POST', path, {}],
      ['DELETE', `${path}/${device.certificateId}`, undefined],
    ] as const)
      expect([method, (await ask(method, where, body, stranger)).status]).toEqual([method, 404]);
    expect((await sends(device)).status).toBe(200);
  });

  it('a certificate is revoked under its own device only', async () => {
    const [one, other] = [await aCertifiedDevice(app, admin), await aCertifiedDevice(app, admin)];
    expect((await ask('DELETE', `/devices/${one.id}/certificates/${other.certificateId}`)).status).toBe(404);
    expect((await sends(other)).status).toBe(200);
  });
});

describe('renewal by the device itself', () => {
  const renew = async (identity: Identity) => {
    const { csr, key } = aCertificateRequest();
    const answer = await callAsDevice(app, identity, 'POST', '/api/v1/device/certificate/renew', { body: { csr } });
    return { answer, next: { cert: answer.json?.pem, key } };
  };

  it('with its certificate: both go on, and the new one says what it was renewed from', async () => {
    const device = await aCertifiedDevice(app, admin);
    const { answer, next } = await renew(device);
    expect(answer.status, answer.text).toBe(201);
    expect(answer.json.certificate.renewedFrom).toBe(device.certificateId);
    for (const identity of [device, next]) expect((await sends(identity)).status).toBe(200);
    expect((await events('device.certificate_issued', device.id)).at(-1)).toMatchObject({
      actor_kind: 'device',
      actor_id: device.id,
      details: { provenWith: device.certificateId, ended: [] },
    });
  });

  it('with its token: the way from one to the other', async () => {
    const device = await app.aDevice(admin);
    const { csr, key } = aCertificateRequest();
    const answer = await app.call('POST', '/api/v1/device/certificate/renew', { token: device.token, body: { csr } });
    expect([answer.status, answer.json.certificate.renewedFrom]).toEqual([201, null]);
    expect((await sends({ cert: answer.json.pem, key })).status).toBe(200);
  });

  it('a revoked certificate renews nothing; its heirs end with it when that is asked for', async () => {
    const stolen = await aCertifiedDevice(app, admin);
    const { next: heir } = await renew(stolen);
    const { next: heirOfHeir } = await renew(heir);
    const honest = await ask('POST', `/devices/${stolen.id}/certificates`, {});
    const path = `/devices/${stolen.id}/certificates/${stolen.certificateId}`;
    expect((await ask('DELETE', path)).status).toBe(204);
    expect((await renew(stolen)).answer.status).toBe(401);
    expect((await sends(heir)).status).toBe(200);
    expect((await ask('DELETE', `${path}?successors=revoke`)).status).toBe(204);
    for (const identity of [stolen, heir, heirOfHeir]) expect((await sends(identity)).status).toBe(401);
    expect((await sends({ cert: honest.json.pem, key: honest.json.privateKeyPem })).status).toBe(200);
    const [first, second] = await events('device.certificate_revoked', stolen.id);
    expect([first.details.revoked.length, second.details.revoked.length]).toEqual([1, 2]);
  });

  it('never runs into the bound: the oldest make room, but not the one it came with', async () => {
    const device = await aCertifiedDevice(app, admin);
    for (let more = 0; more < 19; more += 1) await ask('POST', `/devices/${device.id}/certificates`, {});
    const { answer } = await renew(device);
    expect(answer.status).toBe(201);
    const usable = (await certificatesOf(device.id)).filter(({ revokedAt }: { revokedAt: null }) => revokedAt === null);
    expect(usable).toHaveLength(20);
    expect((await sends(device)).status).toBe(200);
  });

  it('while it is being revoked: whichever comes first, no heir is left behind a theft', async () => {
    for (let round = 0; round < 10; round += 1) {
      const device = await aCertifiedDevice(app, admin);
      const path = `/devices/${device.id}/certificates/${device.certificateId}?successors=revoke`;
      await Promise.all([renew(device), ask('DELETE', path), renew(device)]);
      const left = (await certificatesOf(device.id)).filter(({ revokedAt }: { revokedAt: null }) => revokedAt === null);
      expect(left).toEqual([]);
    }
  });
});

describe('provisioning', () => {
  it('a claim becomes a device with a certificate that works', async () => {
    const { token, id: claimId } = await aClaim({ namePrefix: 'Freezer hall 3' });
    const { csr, key } = aCertificateRequest();
    const { status, json } = await enrol({ claimToken: token, serial: 'SN-77', csr });
    expect(status).toBe(201);
    expect(json.name).toMatch(/^Freezer hall 3 [0-9a-f]{8}$/);
    const shown = (await ask('GET', `/devices/${json.deviceId}`)).json;
    expect(shown).toMatchObject({ name: json.name, type: 'freezer', serial: 'SN-77' });
    expect((await sends({ cert: json.pem, key })).status).toBe(200);
    expect(await events('device.enrolled', json.deviceId)).toMatchObject([
      { actor_kind: 'device', actor_id: json.deviceId, details: { claimId, serial: json.certificate.serial } },
    ]);
  });

  it('many at once: as many tokens, each its own', async () => {
    const made = await ask('POST', '/device-provisioning/claims', { deviceType: 'freezer', count: 500 });
    expect(new Set(made.json.claims.map(({ token }: { token: string }) => token)).size).toBe(500);
    expect((await ask('POST', '/device-provisioning/claims', { deviceType: 'freezer', count: 501 })).status).toBe(400);
  });

  it('made at the machine itself, they work the same, and the log says who typed it', async () => {
    const { claims } = await app.app.hostCommands['devices.claim'](1000, { deviceType: 'freezer', count: 2 });
    expect(claims).toHaveLength(2);
    expect((await enrol({ claimToken: claims[0]?.token, csr: aCertificateRequest().csr })).status).toBe(201);
    const { rows } = await app.database.admin.query(
      `select actor_id, details->>'count' as count from audit_events where event = 'device.claims_created' and actor_kind = 'cli'`,
    );
    expect(rows).toEqual([{ actor_id: 'cli:1000', count: '2' }]);
  });

  it('fifty uses of one claim at once: exactly one device', async () => {
    const { token } = await aClaim({ namePrefix: 'Raced' });
    const requests = Array.from({ length: 50 }, () => aCertificateRequest());
    const answers = await Promise.all(requests.map(({ csr }) => enrol({ claimToken: token, csr })));
    expect(answers.filter(({ status }) => status === 201)).toHaveLength(1);
    expect(answers.filter(({ status }) => status === 410)).toHaveLength(49);
    expect((await ask('GET', '/devices?text=Raced')).json.items).toHaveLength(1);
  });

  it('used, withdrawn, expired, unknown and misshapen claims are told in the same words', async () => {
    const { csr } = aCertificateRequest();
    const used = await aClaim();
    await enrol({ claimToken: used.token, csr });
    const withdrawn = await aClaim();
    expect((await ask('DELETE', `/device-provisioning/claims/${withdrawn.id}`)).status).toBe(204);
    const expired = await aClaim();
    await app.database.admin.query(`update device_claims set expires_at = now() - interval '1 s' where id = $1`, [
      expired.id,
    ]);
    const unknown = `vtp_${'A'.repeat(43)}`;
    const tokens = [
      used.token,
      withdrawn.token,
      expired.token,
      unknown,
      'vtp_short',
      used.token.replace('vtp_', 'vtd_'),
    ];
    const answers = await Promise.all(tokens.map((claimToken) => enrol({ claimToken, csr })));
    const said = answers.map(({ status, json }) => JSON.stringify([status, { ...json, requestId: '' }]));
    expect(new Set(said).size).toBe(1);
    expect(answers[0]?.status).toBe(410);
  });

  it('a request that cannot be read leaves the claim for the next try', async () => {
    const { token } = await aClaim();
    expect((await enrol({ claimToken: token, csr: 'x' })).status).toBe(400);
    expect((await enrol({ claimToken: token, csr: aCertificateRequest().csr })).status).toBe(201);
  });

  it('the token is stored as its hash only, and the list does not show it', async () => {
    const { token, id } = await aClaim();
    const listed = (await ask('GET', '/device-provisioning/claims')).json.items;
    expect(listed.map((claim: { id: string }) => claim.id)).toContain(id);
    expect(JSON.stringify(listed)).not.toContain(token);
    const { rows } = await app.database.admin.query(
      `select 1 from device_claims c where c::text like $1 union all select 1 from audit_events a where a::text like $1`,
      [`%${token}%`],
    );
    expect(rows).toEqual([]);
  });

  it('is slowed down like signing in', async () => {
    const from = freshAddress();
    const { csr } = aCertificateRequest();
    const body = { claimToken: `vtp_${'A'.repeat(43)}`, csr };
    const answers = await Promise.all(
      Array.from({ length: 12 }, () => app.call('POST', '/api/v1/device-provisioning/enrol', { body, from })),
    );
    expect(answers.filter(({ status }) => status === 429).length).toBeGreaterThanOrEqual(5);
  });
});

describe('the published list', () => {
  const folder = mkdtempSync(join(tmpdir(), 'valtronics-crl-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  /** As anybody would check it: from the addresses that the certificate and the API name, with openssl. */
  async function verdict(pem: string): Promise<string> {
    const [ca, crl] = await Promise.all([
      app.call('GET', '/.well-known/device-ca.pem'),
      app.call('GET', '/.well-known/device-ca.crl', { binary: true }),
    ]);
    expect(crl.headers['content-type']).toBe('application/pkix-crl');
    writeFileSync(join(folder, 'ca.pem'), ca.text);
    writeFileSync(join(folder, 'ca.crl'), Buffer.from(crl.text, 'latin1'));
    writeFileSync(join(folder, 'device.pem'), pem);
    const done = spawnSync(
      'openssl',
      ['verify', '-x509_strict', '-crl_check', '-CAfile', 'ca.pem', '-CRLfile', 'ca.crl', 'device.pem'],
      { cwd: folder, encoding: 'utf8' },
    );
    return done.stdout + done.stderr;
  }

  it('openssl takes a certificate until it is revoked, and from the very moment not', async () => {
    const device = await aCertifiedDevice(app, admin);
    expect(await verdict(device.cert)).toContain('device.pem: OK');
    await ask('DELETE', `/devices/${device.id}/certificates/${device.certificateId}`);
    expect(await verdict(device.cert)).toContain('certificate revoked');
  });

  it('a certificate of a deleted device is on it: the list outlives the device', async () => {
    const device = await aCertifiedDevice(app, admin);
    await ask('DELETE', `/devices/${device.id}`);
    expect(await verdict(device.cert)).toContain('certificate revoked');
  });

  it('each certificate says where the list is', async () => {
    const device = await aCertifiedDevice(app, admin);
    const { crlUrl } = (await ask('GET', '/device-authority')).json;
    expect(crlUrl).toBe(`${app.origin}/.well-known/device-ca.crl`);
    expect(new x509.X509Certificate(device.cert).toString('text')).toContain(crlUrl);
  });
});
