import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { anApp, type Person, type TestApp } from '../support/app.ts';
import { hasNamespaces } from '../support/network-namespaces.ts';
import { aPacketFlow, senders } from '../support/packet-flow.ts';

// The stock bouncer of Debian obeys us: it asks our decisions stream with its key and keeps sets of nftables, in a namespace of its own.

const BOUNCER = '/usr/bin/crowdsec-firewall-bouncer';
const canRun = hasNamespaces && existsSync(BOUNCER);
if (!canRun) console.warn('SKIPPED: the bouncer needs root, network namespaces and crowdsec-firewall-bouncer');

describe.skipIf(!canRun)('the stock firewall bouncer of CrowdSec', { timeout: 120_000 }, () => {
  let app: TestApp;
  let admin: Person;
  let flow: ReturnType<typeof aPacketFlow>;
  let relay: Server;
  const folder = mkdtempSync(join(tmpdir(), 'valtronics-bouncer-'));
  const said: string[] = [];

  const api = (method: string, path: string, body?: unknown) =>
    app.call(method, `/api/v1${path}`, { token: admin.accessToken, ...(body === undefined ? {} : { body }) });
  async function decide(scope: 'ip' | 'range', value: string, kind: 'block' | 'ban', seconds = 3_600): Promise<string> {
    await app.freshProof(admin);
    const made = await api('POST', '/blocks', { scope, value, kind, seconds, reason: 'a test' });
    if (made.status !== 201) throw new Error(made.text);
    return made.json.id;
  }
  const lift = (id: string) => api('POST', `/blocks/${id}/lift`, {});

  beforeAll(async () => {
    app = await anApp();
    admin = await app.aPerson('admin');
    await app.freshProof(admin);
    const { key } = (await api('POST', '/bouncers', { name: 'in a namespace' })).json;
    flow = aPacketFlow();
    // A socket of the file system reaches across network namespaces: the bouncer finds us on loopback of its own.
    const socket = join(folder, 'relay.sock');
    relay = createServer((from) => {
      const to = connect(app.httpPort, '127.0.0.1');
      from.on('error', () => to.destroy());
      to.on('error', () => from.destroy());
      from.pipe(to).pipe(from);
    }).listen(socket);
    const forward = `require('node:net').createServer((from) => {
      const to = require('node:net').connect(process.argv[1]);
      from.on('error', () => to.destroy()); to.on('error', () => from.destroy());
      from.pipe(to).pipe(from);
    }).listen(8443, '127.0.0.1', () => console.log('ready'))`;
    // It gives up when nobody answers at its start.
    const forwarding = flow.start(flow.spaces.inside, process.execPath, ['-e', forward, socket]);
    await new Promise((resolve) => forwarding.stdout?.once('data', resolve));
    const config = join(folder, 'bouncer.yaml');
    writeFileSync(join(folder, 'ca.pem'), app.ca);
    const set = (family: string) => ({ enabled: true, 'set-only': false, table: family, chain: `${family}-chain` });
    // JSON is YAML.
    writeFileSync(
      config,
      JSON.stringify({
        mode: 'nftables',
        update_frequency: '1s',
        pid_dir: folder,
        daemonize: false,
        log_mode: 'stdout',
        log_level: 'info',
        api_url: 'https://localhost:8443/',
        api_key: key,
        ca_cert_path: join(folder, 'ca.pem'),
        deny_action: 'DROP',
        supported_decisions_types: ['ban'],
        blacklists_ipv4: 'crowdsec-blacklists',
        blacklists_ipv6: 'crowdsec6-blacklists',
        nftables: { ipv4: set('crowdsec'), ipv6: set('crowdsec6') },
        prometheus: { enabled: false },
      }),
    );
    const bouncer = flow.start(flow.spaces.inside, BOUNCER, ['-c', config]);
    for (const stream of [bouncer.stdout, bouncer.stderr]) stream?.on('data', (chunk: Buffer) => said.push(`${chunk}`));
  }, 60_000);
  afterAll(async () => {
    flow?.close();
    relay?.close();
    await app?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  const rules = (): string => flow.spaces.exec(flow.spaces.inside, 'nft', 'list', 'ruleset');

  it('drops what we ban, and lets it in when we lift it or put it on the allow-list', async () => {
    await flow.packets(senders.one, 10_000);
    const one = await decide('ip', senders.one, 'ban');
    await flow.silence(senders.one, 20_000).catch((error: Error) => {
      throw new Error(`${error.message}; the bouncer said: ${said.join('')}`);
    });
    expect(rules()).toMatch(/set crowdsec-blacklists \{[^}]*elements = \{ 10\.99\.7\.66 timeout/);
    expect(flow.isSilent(senders.two)).toBe(false);
    await lift(one);
    await flow.packets(senders.one, 10_000);
    expect(rules()).not.toContain(senders.one);
    const two = await decide('ip', senders.two, 'ban');
    await flow.silence(senders.two, 10_000);
    await app.freshProof(admin);
    expect((await api('POST', '/allow-list', { network: senders.two })).json.lifted).toBe(1);
    await flow.packets(senders.two, 10_000);
    expect((await api('GET', `/blocks/${two}`)).json.state).toBe('lifted');
  });

  it('is not told of a block, which sessions go on under', async () => {
    await flow.packets(senders.one);
    const block = await decide('ip', senders.one, 'block');
    // Debian's version takes a network by its first address, as docs/blocks.md says; that it has it shows that it has asked since.
    const ban = await decide('ip', senders.six, 'ban');
    await flow.until(() => rules().includes('fd99:0:0:7::'), 10_000, 'the ban in its set');
    expect([rules().includes(senders.one), flow.isSilent(senders.one)]).toEqual([false, false]);
    expect((await api('GET', '/bouncers')).json.items).toMatchObject([
      { name: 'in a namespace', userAgent: expect.stringMatching(/bouncer/), lastSeenAt: expect.any(String) },
    ]);
    for (const id of [block, ban]) await lift(id);
  });
});
