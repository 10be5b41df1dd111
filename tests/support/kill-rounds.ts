import { expect } from 'vitest';
import { aFolder, kill, until } from './database-faults.ts';
import { aLedger } from './ingest-ledger.ts';
import { aRealServer, type RealServer } from './real-server.ts';

const RECOVERS_WITHIN_MS = 120_000;
const ACKNOWLEDGED_BETWEEN_KILLS = 400;

const victims = ['server', 'postgres', 'both'] as const;

/**
 * `kill -9` in the middle of ingest, round after round: the server, PostgreSQL, both. Each round a point that breaches a rule is
 * acknowledged in the instant before the kill, so that often nothing but the journal knows that it has not been looked at yet.
 */
export async function killRounds(
  rounds: number,
  more: { readonly health?: boolean } = {},
): Promise<{ acknowledged: number; pushedBack: number }> {
  const server = await aRealServer(aFolder());
  try {
    await server.start();
    let token = await server.signIn();
    const device = await aDeviceOf(server, token, 'Sender', more);
    const watched = await aDeviceOf(server, token, 'Watched', more);
    const rule = await server.call('POST', '/api/v1/alert-rules', {
      token,
      body: {
        name: 'Too high',
        deviceId: watched.id,
        metric: 'level',
        condition: 'gt',
        threshold: 50,
        severity: 'critical',
        cooldownSeconds: 0,
        enabled: true,
      },
    });
    expect(rule.status).toBe(201);

    const alerts = async (): Promise<{ status: string; value: number }[]> => {
      const answer = await server.call('GET', '/api/v1/alerts?limit=1000', { token });
      expect(answer.status).toBe(200);
      return answer.json.items;
    };
    const measure = async (value: number): Promise<void> => {
      const points = [{ metric: 'level', value, timestamp: Date.now() }];
      await until(async () => {
        const answer = await server
          .call('POST', '/api/v1/telemetry', { token: watched.token, body: { points } })
          .catch(() => undefined);
        return answer?.status === 200;
      }, RECOVERS_WITHIN_MS);
    };

    const ledger = aLedger(server, device);
    for (let round = 1; round <= rounds; round += 1) {
      const before = ledger.acknowledged();
      await until(() => ledger.acknowledged() >= before + ACKNOWLEDGED_BETWEEN_KILLS, RECOVERS_WITHIN_MS);
      await measure(100 + round);
      const victim = victims[(round - 1) % victims.length];
      const postmaster = server.postmaster();
      if (victim !== 'postgres') await server.kill();
      if (victim !== 'server') await kill(postmaster);
      if (victim !== 'postgres') await server.start();
      await until(() => server.isReady(), RECOVERS_WITHIN_MS);
      if (victim !== 'server') expect(server.postmaster()).not.toBe(postmaster);

      token = await server.signIn();
      await until(async () => (await alerts()).length >= round, RECOVERS_WITHIN_MS);
      expect((await alerts())[0]).toMatchObject({ status: 'active', value: 100 + round });
      await measure(0);
      await until(async () => (await alerts())[0]?.status === 'resolved', RECOVERS_WITHIN_MS);
    }
    await ledger.finish();
    await ledger.verify(token);
    // One alert for each time the rule was breached: none missed, none raised again by what was evaluated twice.
    expect((await alerts()).map(({ value }) => value).toSorted((a, b) => a - b)).toEqual(
      Array.from({ length: rounds }, (_, index) => 101 + index),
    );
    return { acknowledged: ledger.acknowledged(), pushedBack: ledger.pushedBack() };
  } finally {
    await server.stop();
  }
}

export async function aDeviceOf(
  server: RealServer,
  token: string,
  name: string,
  more: { readonly health?: boolean } = {},
): Promise<{ id: string; token: string }> {
  const made = await server.call('POST', '/api/v1/devices', { token, body: { name, type: 'test', ...more } });
  if (made.status !== 201) throw new Error(`registering failed: ${JSON.stringify(made.json)}`);
  return { id: made.json.device.id, token: made.json.credential.token };
}
