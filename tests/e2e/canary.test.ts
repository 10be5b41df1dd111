import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { Agent } from 'node:https';
import { join } from 'node:path';
import * as contract from '@valtronics/contract';
import { expect, onTestFinished, test } from 'vitest';
import { type ApiClient, signIn } from '../../server/src/cli/api-client.ts';
import { SESSION_COOKIE } from '../../server/src/security/gate/credential.ts';
import type { CallOptions } from '../support/app.ts';
import { aBackupPlace } from '../support/backup-place.ts';
import { canarySearch } from '../support/canaries.ts';
import { aMailServer } from '../support/mail-server.ts';
import { anMqttClient } from '../support/mqtt-client.ts';
import { databaseProcesses } from '../support/place.ts';
import { aServer, valtronics } from '../support/program.ts';
import { send } from '../support/send-request.ts';

// Secrets and personal values that exist once in the world go in at every door there is. Then the log, the security events, the audit log and
// its export, a backup, arguments and environments of processes, what is said in a crash and the raw files of the database are searched.

const unique = (prefix: string): string => `${prefix}${randomBytes(12).toString('hex')}`;

/**
 * What does lie in clear, in the database and what is made of it, and why. The list only shrinks: a name that is on it and not found fails, too.
 * None of them may stand in what the server says, nor in arguments and environments.
 */
const inClear: Readonly<Record<string, string>> = {
  'email of the administrator': 'evidence: who acted, until they are erased',
  'path of a stranger': 'evidence: what was asked for and is not there',
  'location of a device': 'where a device stands must be found by parts, at night, by whoever is sent there',
};
const dataAndEvidence = / in (?:postgres\/data|logs\/security\.jsonl|spool\/siem)|\((?:backup|audit export)\)$/;

test('no secret and no personal value comes to light', { timeout: 400_000 }, async () => {
  const place = await aBackupPlace();
  const mail = await aMailServer();
  onTestFinished(() => mail.close());
  const secrets: Record<string, string> = {
    'password of the administrator': unique('pw-'),
    'password typed where the address belongs': unique('oops-'),
    'password that is wrong': unique('wrong-'),
    'metrics token': unique('metrics-'),
    'password of the mail server': unique('smtp-'),
    'secret of the provider': unique('oidc-'),
    'secret of the SIEM': unique('siem-'),
    'token in an address': unique('query-'),
    'header of a stranger': unique('header-'),
    'body that is no JSON': unique('body-'),
    'path of a stranger': unique('path-'),
    'token of a device that is none': unique('vtd-'),
  };
  const personal: Record<string, string> = {
    'email of the administrator': `${unique('ada-')}@example.org`,
    'email of somebody invited': `${unique('bob-')}@example.org`,
    'name of somebody invited': unique('Bob '),
    'reference of a person measured': unique('MRN-'),
    'name of a person measured': unique('Poppins '),
    'serial of a device': unique('SER-'),
    'location of a device': unique('Room '),
    'target of notifications': `${unique('night-')}@example.org`,
    'health value': unique('arrhythmia-'),
  };
  const pulse = 100 + randomBytes(4).readUInt32BE() / 2 ** 28;
  const publicly = { 'name of a device': unique('Freezer ') };
  const all = { ...secrets, ...personal };
  const planted = (name: keyof typeof all): string => all[name] ?? '';

  const folder = join(place.dataDir, '../secrets');
  mkdirSync(folder);
  const file = (name: string, value: string): string => {
    writeFileSync(join(folder, name), value, { mode: 0o600 });
    return join(folder, name);
  };
  const smtp = new URL(mail.url);
  const env: Record<string, string> = {
    ...place.env,
    VALTRONICS_LOG_LEVEL: 'debug',
    VALTRONICS_ADMIN_EMAIL: planted('email of the administrator'),
    VALTRONICS_ADMIN_PASSWORD_FILE: file('admin', planted('password of the administrator')),
    VALTRONICS_METRICS_TOKEN_FILE: file('metrics', planted('metrics token')),
    VALTRONICS_SMTP_URL_FILE: file('smtp', `smtp://canary:${planted('password of the mail server')}@${smtp.host}`),
  };
  const server = aServer({ env });
  await server.says('Valtronics is running on');
  const ca = readFileSync(join(place.dataDir, 'tls/ca.pem'), 'utf8');
  const credentials = {
    email: planted('email of the administrator'),
    password: planted('password of the administrator'),
  };
  const ada = await signIn({ url: place.url, ca }, credentials);

  await plantOverApi(ada);
  await plantByStrangers();
  await sleepUntilWritten();

  const stored = Buffer.alloc(8);
  stored.writeDoubleLE(pulse);
  const sent = Buffer.alloc(8);
  sent.writeDoubleBE(pulse);
  const canaries = [
    ...Object.entries({ ...all, ...publicly }).map(([name, value]) => ({ name, value })),
    { name: 'health number as text', value: Buffer.from(String(pulse)) },
    { name: 'health number as it is stored', value: stored },
    { name: 'health number as it is sent', value: sent },
  ];
  const search = canarySearch(canaries);
  const found: string[] = [];
  const noteText = (where: string, text: string): void => {
    found.push(...search.inText(text).map((name) => `${name} in ${where}`));
  };

  // Of processes: everybody on the machine can read arguments.
  for (const pid of [server.child.pid ?? 0, ...databaseProcesses(place.dataDir)]) {
    noteText('arguments', readFileSync(`/proc/${pid}/cmdline`, 'utf8'));
    noteText(
      'environment',
      readFileSync(`/proc/${pid}/environ`, 'utf8').replace(planted('email of the administrator'), ''),
    );
  }
  const command = async (...args: string[]): Promise<void> => {
    const ended = await valtronics(args, { env }).finished();
    noteText(args.slice(0, 2).join(' '), ended.out + ended.err);
    // `secrets check` ends with 1 where it finds something to say.
    if (ended.code !== 0 && args[0] !== 'secrets') throw new Error(ended.err);
  };
  const exported = join(place.dataDir, '../audit-export');
  await command('audit', 'export', exported);
  await command('audit', 'verify');
  await command('keys', 'status');
  await command('secrets', 'check', '--json');
  await command('backup', 'create');
  found.push(...(await search.inFolder(exported)).map((each) => `${each} (audit export)`));

  const backup = readdirSync(place.folder).find((name) => name.endsWith('.age')) ?? '';
  const opened = join(place.dataDir, '../opened');
  mkdirSync(opened);
  execFileSync('sh', ['-c', `age -d -i ${place.key} ${join(place.folder, backup)} | zstd -dc | tar x -C ${opened}`]);
  found.push(...(await search.inFolder(opened)).map((each) => `${each} (backup)`));

  // A crash: what it says last, and what then lies on the disk, the log of the database included.
  server.child.kill('SIGABRT');
  await server.finished();
  noteText('output of the server', server.out() + server.err());
  // The database goes in order, so what it held in memory is in its files.
  const [postmaster = 0] = readFileSync(join(place.dataDir, 'postgres/data/postmaster.pid'), 'utf8')
    .split('\n')
    .map(Number);
  process.kill(postmaster, 'SIGINT');
  await expect.poll(() => databaseProcesses(place.dataDir), { timeout: 60_000 }).toEqual([]);
  found.push(...(await search.inFolder(place.dataDir)));

  // The search would find them: what is public is where it must be.
  const control = found.filter((each) => each.startsWith('name of a device in '));
  expect(control.some((each) => each.includes('/base/'))).toBe(true);
  expect(control.some((each) => each.includes('/pg_wal/'))).toBe(true);
  expect(control.some((each) => each.endsWith('(backup)'))).toBe(true);
  const nameOf = (each: string): string => each.slice(0, each.indexOf(' in '));
  const isListed = (each: string): boolean => nameOf(each) in inClear && dataAndEvidence.test(each);
  expect(found.filter((each) => !control.includes(each) && !isListed(each)).toSorted()).toEqual([]);
  expect(new Set(found.filter(isListed).map(nameOf))).toEqual(new Set(Object.keys(inClear)));

  async function plantOverApi(api: ApiClient): Promise<void> {
    const { device, credential } = await api.call(contract.deviceRegister, {
      body: {
        name: publicly['name of a device'],
        type: 'monitor',
        serial: planted('serial of a device'),
        location: planted('location of a device'),
        health: true,
      },
    });
    secrets['token of a device'] = credential.token;
    const totp = await api.call(contract.totpBegin, { body: {} });
    secrets['secret of an authenticator'] = totp.secret;
    await api.call(contract.userInvite, {
      body: { email: planted('email of somebody invited'), name: planted('name of somebody invited'), role: 'user' },
    });
    const subject = await api.call(contract.subjectRegister, {
      body: { reference: planted('reference of a person measured'), name: planted('name of a person measured') },
    });
    await api.call(contract.deviceAssign, { params: { id: device.id }, body: { subjectId: subject.id } });
    await api.call(contract.channelCreate, {
      body: { name: 'Night', kind: 'email', target: planted('target of notifications'), minimumSeverity: 'info' },
    });
    const hook = await api.call(contract.channelCreate, {
      body: { name: 'Hook', kind: 'webhook', target: 'https://hook.example.org/x', minimumSeverity: 'info' },
    });
    secrets['secret of a webhook'] = hook.secret ?? '';
    await api.call(contract.identityProviderCreate, {
      body: {
        slug: 'corp',
        name: 'Corp',
        issuer: 'https://id.example.org',
        clientId: 'valtronics',
        clientSecret: planted('secret of the provider'),
      },
    });
    await api.call(contract.siemDestinationCreate, {
      body: {
        kind: 'splunk_hec',
        name: 'SIEM',
        format: 'ecs',
        target: 'https://siem.example.org/hec',
        secret: planted('secret of the SIEM'),
      },
    });
    const account = await api.call(contract.serviceAccountCreate, { body: { name: 'Exporter', role: 'analyst' } });
    const key = await api.call(contract.apiKeyCreate, {
      body: { label: 'nightly', ownerId: account.id, permissions: ['telemetry:read'] },
    });
    secrets['API key'] = key.secret;
    // Alerts quote values; what they quote of a person is sealed as well.
    await api.call(contract.alertRuleCreate, {
      body: {
        name: 'Rhythm',
        metric: 'pulse',
        condition: 'gt',
        threshold: 100,
        severity: 'critical',
        cooldownSeconds: 60,
        enabled: true,
      },
    });
    const client = await anMqttClient(Number(env['VALTRONICS_MQTT_PORT']), {
      username: device.id,
      password: credential.token,
    });
    const points = [
      { metric: 'rhythm', value: planted('health value') },
      { metric: 'pulse', value: pulse },
    ];
    await client.publish(`valtronics/devices/${device.id}/telemetry`, JSON.stringify({ points }));
    await client.end();
    for (const [name, value] of Object.entries(secrets)) all[name] = value;
  }

  async function plantByStrangers(): Promise<void> {
    const agent = new Agent();
    const to = { agent, ca: Buffer.from(ca), port: Number(env['VALTRONICS_HTTP_PORT']) };
    const ask = (method: string, path: string, options: CallOptions = {}) => send(to, method, path, options);
    const { email } = credentials;
    const typed = `${planted('password typed where the address belongs')}@example.org`;
    for (const body of [
      { email, password: planted('password that is wrong') },
      { email: typed, password: planted('password that is wrong') },
    ])
      expect((await ask('POST', '/api/v1/auth/login', { body })).status).toBe(401);
    const stranger = planted('header of a stranger');
    const rawBody = `{"points": ${planted('body that is no JSON')}`;
    for (const { status } of [
      await ask('GET', `/api/v1/devices?access_token=${planted('token in an address')}`),
      await ask('GET', '/api/v1/devices', { token: stranger }),
      await ask('GET', '/api/v1/devices', { cookie: `${SESSION_COOKIE}=${stranger}` }),
      await ask('POST', '/api/v1/telemetry', { rawBody }),
      await ask('GET', `/api/v1/${planted('path of a stranger')}`),
    ])
      expect([400, 401, 404]).toContain(status);
    agent.destroy();
    const refused = anMqttClient(Number(env['VALTRONICS_MQTT_PORT']), {
      username: '00000000-0000-4000-8000-000000000000',
      password: planted('token of a device that is none'),
    });
    await expect(refused).rejects.toThrow();
  }

  /** Security events and rollups follow within a second; the audit log is signed within five. */
  async function sleepUntilWritten(): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, 6_000));
  }
});
