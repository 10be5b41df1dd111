import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, onTestFinished, test } from 'vitest';
import { aFolder, PASSPHRASE, PROGRAM, someBytes } from '../support/files-command.ts';

const hasScript = spawnSync('script', ['--version']).status === 0;

describe.skipIf(!hasScript)('at a terminal', () => {
  /** Answers each question in turn; says what the terminal showed. */
  async function typed(args: string, answers: readonly string[]) {
    const child = spawn('script', ['-qec', `${process.execPath} ${PROGRAM} files ${args}`, '/dev/null'], {
      stdio: ['pipe', 'pipe', 'ignore'],
    });
    onTestFinished(() => void child.kill('SIGKILL'));
    let shown = '';
    const left = [...answers];
    let asked = 0;
    child.stdout.on('data', (text) => {
      shown += String(text);
      const questions = shown.match(/Passphrase[^:]*: |The same again: /g)?.length ?? 0;
      for (; asked < questions; asked += 1) child.stdin.write(left.shift() ?? '');
    });
    const [code] = await once(child, 'exit');
    return { code, shown };
  }

  test('the passphrase is asked for twice and not shown, then there is a bar, and one question opens it', async () => {
    const { at } = aFolder();
    const plain = someBytes(100_000);
    writeFileSync(at('plain'), plain);
    const encrypted = await typed(`encrypt ${at('plain')}`, [`${PASSPHRASE}\r`, `${PASSPHRASE}\r`]);
    expect(encrypted).toMatchObject({
      code: 0,
      shown: expect.stringMatching(/\[█+\] 100 % {2}100\.0 kB of 100\.0 kB/),
    });
    // With a slip of the finger that is taken back.
    const decrypted = await typed(`decrypt ${at('plain.enc')} -o ${at('out')}`, [`${PASSPHRASE}x\x7f\r`]);
    expect(decrypted.code).toBe(0);
    expect(readFileSync(at('out')).equals(plain)).toBe(true);
    for (const { shown } of [encrypted, decrypted]) expect(shown).not.toContain('five words');
  });

  test('two that differ, and Ctrl-C, do nothing', async () => {
    const { at, names } = aFolder();
    writeFileSync(at('plain'), 'x');
    const before = names();
    const differ = await typed(`encrypt ${at('plain')}`, [`${PASSPHRASE}\r`, `${PASSPHRASE}!\r`]);
    expect(differ).toMatchObject({ code: 1, shown: expect.stringContaining('the two passphrases differ') });
    const stopped = await typed(`encrypt ${at('plain')}`, ['five wo\x03']);
    expect(stopped).toMatchObject({ code: 1, shown: expect.stringContaining('stopped: nothing was done') });
    expect(names()).toEqual(before);
  });
});
