import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { runCommandLine } from '../../server/src/cli/command-line.ts';
import { aPlace, databaseProcesses, stopped } from '../support/place.ts';
import { aServer, valtronics } from '../support/program.ts';

// What a person at the machine does with the keys of the data: the command and the server as processes, with the embedded database.

/** In this process, with a terminal to draw on. */
async function onTerminal(env: Readonly<Record<string, string>>, ...args: string[]) {
  for (const [name, value] of Object.entries(env)) vi.stubEnv(name, value);
  onTestFinished(() => void vi.unstubAllEnvs());
  let err = '';
  const terminal = {
    isTTY: true,
    write(text: string) {
      err += text;
    },
  };
  return { code: await runCommandLine(args, { out: { write: () => undefined }, err: terminal }), err };
}

test('the keys of the data are rotated with a server, without one, and gone on with after kill -9', {
  timeout: 240_000,
}, async () => {
  const place = await aPlace();
  const { env } = place;
  const run = (...args: string[]) => valtronics(args, { env }).finished();
  const status = async () => {
    const { dataEpochs } = JSON.parse((await run('keys', 'status', '--json')).out);
    return dataEpochs.map(({ epoch, status, values }: Record<string, unknown>) => [epoch, status, Number(values) > 0]);
  };

  const server = aServer({ env });
  await server.says('Valtronics is running on');
  expect(await status()).toEqual([
    [1, 'previous', false],
    [2, 'active', true],
  ]);
  const rotated = await run('keys', 'rotate', '--data');
  expect(rotated).toMatchObject({
    code: 0,
    out: expect.stringMatching(/^(\d+) of \1 values are sealed under the newest/),
  });
  // No terminal, so no bar.
  expect(rotated.err).toBe('');
  const onScreen = await onTerminal(env, 'keys', 'rotate', '--data', '--resume');
  expect(onScreen).toMatchObject({ code: 0, err: expect.stringMatching(/\[#{30}\] 100 % {2}(\d+) of \1 values\n$/) });
  expect((await status()).slice(2)).toEqual([[3, 'active', true]]);
  const early = await run('keys', 'retire', '2');
  expect(early).toMatchObject({
    code: 1,
    out: '',
    err: expect.stringMatching(/may still seal under key epoch 2: wait \d+ s/),
  });
  expect(await run('keys', 'retire', '3')).toMatchObject({
    code: 1,
    err: expect.stringContaining('is the active one'),
  });
  await stopped(server, 'SIGKILL');

  const alone = await run('keys', 'rotate', '--data', '--json');
  expect(JSON.parse(alone.out)).toMatchObject({ state: 'done', unreadable: 0 });
  const resumed = await run('keys', 'rotate', '--data', '--resume');
  expect(resumed.code).toBe(0);
  const epochs = await status();
  expect(epochs.slice(2)).toEqual([
    [3, 'previous', false],
    [4, 'active', true],
  ]);
  const shown = (await run('keys', 'status')).out;
  expect(shown).toMatch(
    /Key epochs of the data:\n1 {2}previous {2}replaced .*, 0 values\n(.*\n)*4 {2}active {4}seals since .*, \d+ values\n$/,
  );
  expect(databaseProcesses(place.dataDir)).toEqual([]);
  // Nothing is sealed for a person, so nobody made a key store.
  expect(existsSync(join(place.dataDir, 'keys'))).toBe(false);

  const again = aServer({ env });
  await again.says('Valtronics is running on');
  expect(await stopped(again)).toBe(0);
});
