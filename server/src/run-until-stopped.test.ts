import { spawn } from 'node:child_process';
import { expect, onTestFinished, test } from 'vitest';

const MODULE = new URL('./run-until-stopped.ts', import.meta.url).href;

/** A program whose parts only say when they are opened and ended. */
function aProgram(start: string) {
  const source = `
    import { setTimeout as delay } from 'node:timers/promises';
    import { runUntilStopped } from ${JSON.stringify(MODULE)};
    setInterval(() => undefined, 1000); // as an open port would
    const say = (text) => process.stdout.write(text + ' ');
    await runUntilStopped(async ({ signal, onStop }) => { ${start} });`;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', source], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  let out = '';
  let err = '';
  const { promise: isUp, resolve: up } = Promise.withResolvers<void>();
  child.stdout.on('data', (chunk) => {
    out += String(chunk);
    if (out.includes('up')) up();
  });
  child.stderr.on('data', (chunk) => {
    err += String(chunk);
  });
  const ended = new Promise<{ code: number | null; out: string; err: string }>((resolve) =>
    child.once('close', (code) => resolve({ code, out: out.trim(), err })),
  );
  return { child, isUp, ended };
}

const twoParts = `
  onStop(async () => { await delay(300); say('database-ended'); });
  onStop(() => say('server-ended'));`;

test.each(['SIGINT', 'SIGTERM'] as const)('%s ends what was opened, last first, and is a success', async (signal) => {
  const { child, isUp, ended } = aProgram(`${twoParts} say('up');`);
  await isUp;
  child.kill(signal);
  expect(await ended).toEqual({ code: 0, out: 'up server-ended database-ended', err: '' });
});

test('a second signal does not interrupt what the first is bringing to safety', async () => {
  const { child, isUp, ended } = aProgram(`${twoParts} say('up');`);
  await isUp;
  child.kill('SIGINT');
  setTimeout(() => child.kill('SIGINT'), 100);
  expect(await ended).toMatchObject({ code: 0, out: 'up server-ended database-ended' });
});

test('a signal in the middle of the start lets the step end, then ends what it opened', async () => {
  const { child, isUp, ended } = aProgram(
    `say('up'); await delay(300); onStop(() => say('database-ended')); signal.throwIfAborted(); say('never');`,
  );
  await isUp;
  child.kill('SIGTERM');
  expect(await ended).toEqual({ code: 0, out: 'up database-ended', err: '' });
});

test('a fault in the start ends what was opened, then is one line and exit code 1', async () => {
  const { ended } = aProgram(
    `${twoParts} throw Object.assign(new Error('listen'), { code: 'EADDRINUSE', address: '127.0.0.1', port: 8000 });`,
  );
  const { code, out, err } = await ended;
  expect({ code, out }).toEqual({ code: 1, out: 'server-ended database-ended' });
  expect(err).toMatch(/^valtronics: port 8000 is taken on 127\.0\.0\.1: [^\n]+\n$/);
});

test('a part that cannot be ended does not keep the others from it', async () => {
  const { child, isUp, ended } = aProgram(
    `onStop(() => say('database-ended')); onStop(() => { throw new Error('no'); }); say('up');`,
  );
  await isUp;
  child.kill('SIGTERM');
  expect(await ended).toMatchObject({ code: 1, out: 'up database-ended', err: expect.stringContaining('no') });
});
