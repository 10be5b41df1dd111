import { expect, test } from 'vitest';
import { askServer } from '../../server/src/control/control-client.ts';
import type { HostCommandName, HostCommandOutput } from '../../server/src/control/host-commands.ts';
import { aFolder, until } from '../support/database-faults.ts';
import { aDeviceOf } from '../support/kill-rounds.ts';
import { aRealServer } from '../support/real-server.ts';

const MINUTES = 15_000;
const KILLS = 3;
const MINUTE_MS = 60_000;

/** Batches are a hundred values, so there is something left to do behind any of these. */
const SOME_VALUES = 500;

test('a rotation that the server does is killed with it, and gone on with by the next, until nothing is under the older epoch', {
  timeout: 600_000,
}, async () => {
  const dataDir = aFolder();
  const server = await aRealServer(dataDir);
  await server.start();
  try {
    let token = await server.signIn();
    const device = await aDeviceOf(server, token, 'Monitor', { health: true });
    const subject = await server.call('POST', '/api/v1/subjects', { token, body: { reference: 'MRN-7', name: 'Ada' } });
    const first = Math.floor(Date.now() / MINUTE_MS) * MINUTE_MS - (MINUTES + 60) * MINUTE_MS;
    const assigned = await server.call('POST', `/api/v1/devices/${device.id}/assignments`, {
      token,
      body: { subjectId: subject.json.id, from: new Date(first).toISOString() },
    });
    expect(assigned.status, JSON.stringify(assigned.json)).toBe(201);
    for (let sent = 0; sent < MINUTES; sent += 1_000) {
      const points = Array.from({ length: 1_000 }, (_, index) => ({
        metric: 'pulse',
        value: sent + index,
        timestamp: first + (sent + index) * MINUTE_MS,
      }));
      const answer = await server.call('POST', '/api/v1/telemetry', { token: device.token, body: { points } });
      expect(answer.status, JSON.stringify(answer.json)).toBe(200);
    }
    async function ask<N extends HostCommandName>(command: N, input: object): Promise<HostCommandOutput<N>> {
      const answer = await askServer(dataDir, command, { uid: 0, input });
      if (answer === null) throw new Error('no server answers');
      return answer;
    }
    const epochs = async () => (await ask('keys.status', {})).dataEpochs;
    const underOlder = async () =>
      (await epochs()).reduce((sum, { status, values }) => sum + (status === 'active' ? 0 : values), 0);
    await until(async () => (await epochs()).reduce((sum, { values }) => sum + values, 0) > MINUTES, 60_000);

    const left: number[] = [];
    for (let killed = 0; killed < KILLS; killed += 1) {
      await ask('keys.rotate-data', { resume: killed > 0 });
      await until(async () => (await ask('keys.rotate-data.progress', {})).done >= SOME_VALUES, 60_000);
      await server.kill();
      await server.start();
      left.push(await underOlder());
    }
    // Each time something was done, and something was left.
    expect(left).toEqual(left.toSorted((a, b) => b - a));
    expect(left.at(-1)).toBeGreaterThan(0);
    expect(left[0]).toBeLessThan(MINUTES);

    await ask('keys.rotate-data', { resume: true });
    await until(async () => (await ask('keys.rotate-data.progress', {})).state === 'done', 60_000);
    expect(await ask('keys.rotate-data.progress', {})).toMatchObject({ unreadable: 0 });
    expect(await underOlder()).toBe(0);
    expect((await epochs()).filter(({ status }) => status === 'active')).toHaveLength(1);

    token = await server.signIn();
    const range = `from=${new Date(first).toISOString()}&to=${new Date(first + MINUTES * MINUTE_MS).toISOString()}`;
    const hours = await server.call(
      'GET',
      `/api/v1/telemetry/history?deviceId=${device.id}&metric=pulse&${range}&interval=1h`,
      { token },
    );
    expect(hours.json.buckets.reduce((sum: number, { count }: { count: number }) => sum + count, 0)).toBe(MINUTES);
    const person = await server.call('GET', `/api/v1/subjects/${subject.json.id}`, { token });
    expect(person.json).toMatchObject({ reference: 'MRN-7', name: 'Ada' });
  } finally {
    await server.stop();
  }
});
