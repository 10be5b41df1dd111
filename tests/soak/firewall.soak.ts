import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { aDatabase, type TestDatabase } from '../support/database.ts';
import { aFirewall, type TestFirewall, timesToSilence } from '../support/firewall.ts';
import { hasNamespaces } from '../support/network-namespaces.ts';
import { senders } from '../support/packet-flow.ts';

describe.skipIf(!hasNamespaces)('bans in the kernel', { timeout: 900_000, retry: 0 }, () => {
  let database: TestDatabase;
  let firewall: TestFirewall;
  beforeAll(async () => {
    database = await aDatabase();
    firewall = await aFirewall(database);
    await firewall.startHelper();
    firewall.startServer();
    await firewall.packets(senders.one, 10_000);
  }, 60_000);
  afterAll(async () => {
    await firewall?.close();
    await database?.drop();
  });

  it('99 of 100 decisions drop within 100 ms', async () => {
    const took = await timesToSilence(firewall, 300);
    const at = (share: number): number => took[Math.ceil(share * took.length) - 1] ?? 0;
    console.log(`decision → dropped: p50 ${at(0.5)} ms, p99 ${at(0.99)} ms, of ${took.length}`);
    expect(at(0.99)).toBeLessThanOrEqual(100);
  });

  it('the first ban of an address ends after 300 s ± 1 s', async () => {
    await firewall.ban(senders.one);
    const decided = firewall.decidedAt();
    await firewall.silence(senders.one);
    await firewall.packets(senders.one, 310_000);
    expect(Math.abs(firewall.lastPacket(senders.one) - decided - 300_000)).toBeLessThan(1_000);
  });
});
