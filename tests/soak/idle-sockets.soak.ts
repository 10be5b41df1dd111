import { readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { aFolder, until } from '../support/database-faults.ts';
import { aLedger } from '../support/ingest-ledger.ts';
import { aDeviceOf } from '../support/kill-rounds.ts';
import { aRealServer } from '../support/real-server.ts';

const SOCKETS = 10_000;
const AT_ONCE = 200;
const PATIENCE_MS = 120_000;

it('10,000 sockets that say nothing: others keep working, and the silent ones are closed', async () => {
  // One socket here and one in the server; the limit of open files holds for each process.
  const openFiles = Number(/Max open files\s+(\d+)/.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1]);
  expect(openFiles, 'ulimit -n leaves room for the sockets').toBeGreaterThan(SOCKETS + 500);
  const server = await aRealServer(aFolder());
  const sockets: Socket[] = [];
  try {
    await server.start();
    const token = await server.signIn();
    const ledger = aLedger(server, await aDeviceOf(server, token, 'Sender'));
    let closed = 0;
    while (sockets.length < SOCKETS) {
      await Promise.all(
        Array.from({ length: AT_ONCE }, (_, index) => {
          const port = (sockets.length + index) % 2 === 0 ? server.httpPort : server.mqttPort;
          const socket = connect({ host: '127.0.0.1', port, localAddress: `127.0.1.${1 + (index % 250)}` });
          sockets.push(socket);
          // Who does not read does not learn that the other side hung up.
          socket.resume();
          socket.on('error', () => {});
          socket.on('close', () => {
            closed += 1;
          });
          return new Promise<void>((resolve) => {
            socket.once('connect', () => resolve());
            socket.once('close', () => resolve());
          });
        }),
      );
    }
    const before = ledger.acknowledged();
    await until(() => ledger.acknowledged() >= before + 400, PATIENCE_MS);
    expect((await server.call('GET', '/api/v1/devices', { token })).status).toBe(200);
    await until(() => closed >= SOCKETS, PATIENCE_MS);
    await sleep(1000);
    await ledger.finish();
    await ledger.verify(token);
  } finally {
    for (const socket of sockets) socket.destroy();
    await server.stop();
  }
});
