import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import { aFolder, until } from './database-faults.ts';
import { aLedger } from './ingest-ledger.ts';
import { aDeviceOf } from './kill-rounds.ts';
import { aRealServer } from './real-server.ts';

const RECOVERS_WITHIN_MS = 120_000;

/**
 * PostgreSQL stands still under load, all of its processes at once: connections stay open and nothing answers, which is worse than a
 * connection refused. Senders wait or are told to come back; afterwards the same server process goes on by itself.
 */
export async function outageOfPostgres(seconds: number): Promise<{ acknowledged: number; pushedBack: number }> {
  const server = await aRealServer(aFolder());
  let stopped: number[] = [];
  const resume = (): void => {
    for (const pid of stopped) process.kill(pid, 'SIGCONT');
    stopped = [];
  };
  try {
    await server.start();
    const token = await server.signIn();
    const ledger = aLedger(server, await aDeviceOf(server, token, 'Sender'));
    await until(() => ledger.acknowledged() >= 400, RECOVERS_WITHIN_MS);
    const pid = server.pid();

    stopped = server.postgresProcesses();
    expect(stopped.length).toBeGreaterThan(1);
    for (const each of stopped) process.kill(each, 'SIGSTOP');
    // What was committed just before may still be acknowledged; from then on nobody can promise anything.
    await sleep(2_000);
    const frozen = ledger.acknowledged();
    await sleep((seconds - 2) * 1000);
    expect(ledger.acknowledged()).toBe(frozen);
    // It answers for itself all the while.
    expect((await server.call('GET', '/health/live')).status).toBe(200);

    resume();
    await until(() => ledger.acknowledged() >= frozen + 400, RECOVERS_WITHIN_MS);
    await until(() => server.isReady(), RECOVERS_WITHIN_MS);
    expect(server.pid()).toBe(pid);
    await ledger.finish();
    await ledger.verify(await server.signIn());
    return { acknowledged: ledger.acknowledged(), pushedBack: ledger.pushedBack() };
  } finally {
    resume();
    await server.stop();
  }
}
