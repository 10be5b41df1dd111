import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { aPlace } from '../support/place.ts';
import { valtronics } from '../support/program.ts';

// What is done about keys of persons at the machine, as processes; what the commands then do stands in subject-key-commands.test.ts.

const ID = '018f2f5c-0f5e-7c6e-9d5a-1f2e3d4c5b6a';

test('each says what it needs, and does nothing without it', { timeout: 240_000 }, async () => {
  const { env } = await aPlace();
  const run = (...args: string[]) => valtronics(['keys', 'subjects', ...args], { env }).finished();
  const said = (code: number, err: string) => ({ code, out: '', err: expect.stringContaining(err) });
  expect(await run('destroy')).toEqual(said(2, 'ID is missing'));
  expect(await run('destroy', '--yes', ID)).toEqual(said(1, 'Nobody of this id is measured'));
  expect(await run('destroy', '--yes', 'Ines')).toEqual(said(1, 'give the id of the person'));
  expect(await run('backup')).toEqual(said(1, 'set VALTRONICS_KEY_STORE_COPY_FOLDER'));
  expect(await run('accept-loss', '--yes')).toEqual(said(1, 'no key store yet, so none is lost'));
  const help = await run('destroy', '--help');
  expect(help).toMatchObject({ code: 0, out: expect.stringContaining('It cannot be taken back.') });
  expect(await run()).toMatchObject({ code: 2, err: expect.stringContaining('keys subjects accept-loss') });
});

test.skipIf(spawnSync('script', ['--version']).status !== 0)(
  'at a terminal the id is to be typed: another word, and Ctrl-C, do nothing',
  { timeout: 60_000 },
  async () => {
    const program = join(import.meta.dirname, '../../server/src/cli/valtronics.ts');
    const { env } = await aPlace();
    async function typed(answer: string) {
      const child = spawn(
        'script',
        ['-qec', `${process.execPath} ${program} keys subjects destroy ${ID}`, '/dev/null'],
        {
          stdio: ['pipe', 'pipe', 'ignore'],
          env: { ...process.env, ...env },
        },
      );
      onTestFinished(() => void child.kill('SIGKILL'));
      let shown = '';
      let isAnswered = false;
      child.stdout.on('data', (text) => {
        shown += String(text);
        if (isAnswered || !shown.includes('to go on: ')) return;
        isAnswered = true;
        child.stdin.write(answer);
      });
      const [code] = await once(child, 'exit');
      return { code, shown };
    }
    const wrong = await typed('Ines\r');
    expect(wrong).toMatchObject({
      code: 1,
      shown: expect.stringContaining('that is something else: nothing was done'),
    });
    expect(wrong.shown).toContain(`This erases a person measured, for good.`);
    expect(await typed('\x03')).toMatchObject({ code: 1, shown: expect.stringContaining('stopped: nothing was done') });
  },
);
