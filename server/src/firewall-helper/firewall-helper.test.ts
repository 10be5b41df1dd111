import { statSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { aDatabase, type TestDatabase } from '../../../tests/support/database.ts';
import { aFirewall, type TestFirewall, timesToSilence } from '../../../tests/support/firewall.ts';
import { hasNamespaces } from '../../../tests/support/network-namespaces.ts';
import { senders } from '../../../tests/support/packet-flow.ts';

// The whole way of a ban: decision → helper → kernel → packets. In namespaces of its own: the machine's rules are not touched.

if (!hasNamespaces) console.warn('SKIPPED: the firewall helper needs root, nft and network namespaces');

describe.skipIf(!hasNamespaces)('the firewall helper', { timeout: 120_000 }, () => {
  let database: TestDatabase;
  let firewall: TestFirewall;
  beforeAll(async () => {
    database = await aDatabase();
    firewall = await aFirewall(database);
    // The server is first and does without; the helper comes later.
    firewall.startServer();
    await firewall.packets(senders.one, 10_000);
    await firewall.startHelper();
  }, 60_000);
  afterAll(async () => {
    await firewall?.close();
    await database?.drop();
  });

  it('drops what is banned, of IPv4 and IPv6, and lets it in again when it is lifted; nobody else notices', async () => {
    await firewall.ban(senders.one);
    await firewall.silence(senders.one, 5_000);
    await firewall.ban(senders.six);
    await firewall.silence(senders.six);
    expect([firewall.isSilent(senders.two), firewall.isSilent(senders.one)]).toEqual([false, true]);
    await firewall.lift(senders.one);
    await firewall.lift(senders.six);
    await firewall.packets(senders.one);
    await firewall.packets(senders.six);
    const took = await timesToSilence(firewall, 30);
    const at = (share: number): number => took[Math.ceil(share * took.length) - 1] ?? 0;
    console.log(`decision → dropped: p50 ${at(0.5)} ms, p99 ${at(0.99)} ms, of ${took.length}`);
    expect(at(0.99)).toBeLessThan(1_000);
  });

  it('drops a network and an address in it, each until its own end', async () => {
    await firewall.ban('10.99.7.0/24', 'range');
    await firewall.silence(senders.two);
    await firewall.ban(senders.one);
    await firewall.lift('10.99.7.0/24');
    await firewall.packets(senders.two);
    await sleep(200);
    expect(firewall.isSilent(senders.one)).toBe(true);
    await firewall.lift(senders.one);
    await firewall.packets(senders.one);
  });

  it('ends by itself to the second', async () => {
    const decided = Date.now();
    await firewall.impose(senders.one, 5, 'ban');
    await firewall.silence(senders.one);
    await firewall.packets(senders.one, 8_000);
    const took = firewall.lastPacket(senders.one) - decided;
    expect(Math.abs(took - 5_000)).toBeLessThan(1_000);
  });

  it('is told of bans alone: a block, and what somebody exempt is in, is the gate’s to judge', async () => {
    await firewall.packets(senders.one);
    await firewall.impose(senders.one, 60, 'block');
    await sleep(300);
    expect(firewall.isSilent(senders.one)).toBe(false);
    expect(firewall.ruleset()).not.toContain(senders.one);
    await firewall.lift(senders.one);
  });

  it('puts back what somebody flushed, and takes away what nobody asked for', async () => {
    await firewall.ban(senders.one);
    await firewall.silence(senders.one);
    for (const what of ['ruleset', 'chain inet valtronics input', 'set inet valtronics v4_32']) {
      const noticed = firewall.timesPutBack();
      firewall.spaces.exec(firewall.spaces.inside, 'nft', `flush ${what}`);
      await firewall.helperPutsBack(noticed);
      await firewall.rulesUntil((rules) => rules.includes(senders.one) && rules.includes('drop'));
      await firewall.silence(senders.one);
    }
    const stray = `add element inet valtronics v4_32 { ${senders.two} timeout 1h }`;
    const noticed = firewall.timesPutBack();
    firewall.spaces.exec(firewall.spaces.inside, 'nft', stray);
    await firewall.helperPutsBack(noticed);
    await firewall.rulesUntil((rules) => !rules.includes(senders.two));
    await firewall.packets(senders.two);
    expect(firewall.isSilent(senders.one)).toBe(true);
    await firewall.lift(senders.one);
  });

  it('killed, what it was told still holds; started again, it is told what came and went meanwhile', async () => {
    await firewall.packets(senders.one);
    await firewall.ban(senders.one);
    await firewall.silence(senders.one);
    await firewall.killHelper();
    await sleep(300);
    expect(firewall.isSilent(senders.one)).toBe(true);
    await firewall.lift(senders.one);
    await firewall.ban(senders.six);
    await sleep(300);
    expect([firewall.isSilent(senders.one), firewall.isSilent(senders.six)]).toEqual([true, false]);
    expect(firewall.lines.join('')).toContain('the firewall helper is away');
    await firewall.startHelper();
    await firewall.silence(senders.six, 5_000);
    await firewall.packets(senders.one, 5_000);
    // After a reboot there is nothing in the kernel, and nobody remembers but the server.
    await firewall.killHelper();
    firewall.spaces.exec(firewall.spaces.inside, 'nft', 'flush', 'ruleset');
    await firewall.packets(senders.six);
    await firewall.startHelper();
    await firewall.silence(senders.six, 5_000);
    await firewall.lift(senders.six);
  });

  it('takes nothing but networks and seconds, from nobody but the owner and group of the socket', async () => {
    await firewall.packets(senders.six);
    const before = firewall.ruleset();
    expect((statSync(firewall.path).mode & 0o777).toString(8)).toBe('660');
    const add = (network: unknown, seconds: unknown = 60) => JSON.stringify({ op: 'add', network, seconds });
    const hostile = [
      'hello',
      '{}',
      '[]',
      'null',
      '{"op":"flush"}',
      '{"op":"list","network":"10.0.0.1"}',
      '{"op":"add","network":"10.0.0.1","seconds":60,"table":"filter"}',
      add('10.0.0.1; flush ruleset'),
      add('10.0.0.1 } ; add rule inet filter input drop'),
      add('@other'),
      add('10.0.0.1\n'),
      add('010.0.0.1'),
      add('10.0.0.1/24'),
      add('::ffff:10.0.0.1'),
      add('0.0.0.0/0'),
      add('10.0.0.0/7'),
      add('::/15'),
      add('127.0.0.1'),
      add('127.0.0.0/8'),
      add('::1'),
      add('::/64'),
      add(['10.0.0.1']),
      add({ val: '10.0.0.1' }),
      add(167772161),
      add('10.0.0.1', 0),
      add('10.0.0.1', -1),
      add('10.0.0.1', 1.5),
      add('10.0.0.1', '60'),
      add('10.0.0.1', 1e12),
      add('10.0.0.1', null),
      '{"op":"add","network":"10.0.0.1","seconds":60,"__proto__":{"x":1}}',
    ];
    for (const line of hostile)
      expect([line, await firewall.ask(`${line}\n`)]).toEqual([line, expect.stringMatching(/^\{"ok":false,"error":/)]);
    for (const bytes of ['x'.repeat(1 << 20), `${'x'.repeat(600)}\n`, '\u0000'.repeat(1_000)])
      expect(await firewall.ask(bytes)).toContain('too long');
    expect(firewall.ruleset()).toBe(before);
    expect(await firewall.ask('', 65_534)).toBe('EACCES');
    expect(await firewall.ask('{"op":"list"}\n')).toBe('{"ok":true,"items":[]}');
  });
});
