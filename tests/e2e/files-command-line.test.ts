import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  appendFileSync,
  chmodSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { generateIdentity, identityToRecipient } from 'age-encryption';
import fc from 'fast-check';
import { describe, expect, onTestFinished, test } from 'vitest';
import { aFolder, anIdentity, files, PASSPHRASE, PROGRAM, someBytes } from '../support/files-command.ts';

// `valtronics files encrypt | decrypt` as people use it, beside the age of Debian.

const hasAge = spawnSync('age', ['--version']).status === 0;

describe('there and back', () => {
  test('with a passphrase from a file, into files of mode 600 beside the original', async () => {
    const { at, names } = aFolder();
    const plain = someBytes(200_000);
    writeFileSync(at('report.pdf'), plain, { mode: 0o644 });
    const encrypted = await files('encrypt', at('report.pdf'), '--passphrase-file', at('passphrase'), '--json');
    expect(encrypted).toMatchObject({ code: 0, err: '' });
    expect(JSON.parse(encrypted.out)).toMatchObject({
      output: at('report.pdf.enc'),
      format: 'passphrase',
      bytesRead: 200_000,
      bytesWritten: 200_180,
    });
    expect(statSync(at('report.pdf.enc')).mode & 0o777).toBe(0o600);
    rmSync(at('report.pdf'));
    expect(await files('decrypt', at('report.pdf.enc'), '--passphrase-file', at('passphrase'))).toMatchObject({
      code: 0,
    });
    expect(readFileSync(at('report.pdf')).equals(plain)).toBe(true);
    expect(statSync(at('report.pdf')).mode & 0o777).toBe(0o600);
    expect(names()).toEqual(['passphrase', 'report.pdf', 'report.pdf.enc']);
  });

  test('through pipes, to recipients of a file and of the command, the passphrase from a descriptor', async () => {
    const { at } = aFolder();
    const recipient = await anIdentity(at);
    const other = await identityToRecipient(await generateIdentity());
    writeFileSync(at('team.txt'), `# the team\n\n${other}\n`);
    const plain = someBytes(3_000_000);
    const sealed = spawnSync(
      process.execPath,
      [PROGRAM, 'files', 'encrypt', '-', '-r', recipient, '-R', at('team.txt'), '-o', '-'],
      {
        input: plain,
        maxBuffer: 1e8,
      },
    );
    expect(sealed.stderr.toString()).toBe('');
    expect(sealed.status).toBe(0);
    const opened = spawnSync(
      process.execPath,
      [PROGRAM, 'files', 'decrypt', '-', '-i', at('key.txt'), '-o', at('out')],
      {
        input: sealed.stdout,
      },
    );
    expect(opened.status).toBe(0);
    expect(readFileSync(at('out')).equals(plain)).toBe(true);

    const fd = openSync(at('passphrase'), 'r');
    const byDescriptor = spawnSync(process.execPath, [PROGRAM, 'files', 'encrypt', at('out'), '--passphrase-fd', '3'], {
      stdio: ['ignore', 'pipe', 'pipe', fd],
    });
    expect(byDescriptor.status).toBe(0);
    expect(
      await files('decrypt', at('out.enc'), '--passphrase-file', at('passphrase'), '-o', at('again')),
    ).toMatchObject({ code: 0 });
    expect(readFileSync(at('again')).equals(plain)).toBe(true);
  });

  test.skipIf(!hasAge)('age opens what is encrypted to recipients, and what age encrypts is opened', async () => {
    const { at } = aFolder();
    execFileSync('age-keygen', ['-o', at('key.txt')], { stdio: 'ignore' });
    const recipient = execFileSync('age-keygen', ['-y', at('key.txt')], { encoding: 'utf8' }).trim();
    for (const length of [0, 1, 65_535, 65_536, 65_537, 131_072, 1_500_000]) {
      const plain = someBytes(length);
      writeFileSync(at('plain'), plain);
      expect(await files('encrypt', at('plain'), '-r', recipient, '--force')).toMatchObject({ code: 0 });
      expect(
        execFileSync('age', ['--decrypt', '-i', at('key.txt'), at('plain.age')], { maxBuffer: 1e7 }).equals(plain),
      ).toBe(true);

      execFileSync('age', ['-r', recipient, '-o', at('theirs.age'), at('plain')]);
      expect(await files('decrypt', at('theirs.age'), '-i', at('key.txt'), '--force')).toMatchObject({ code: 0 });
      expect(readFileSync(at('theirs')).equals(plain)).toBe(true);
    }
  });
});

describe('no output', () => {
  test('after any flipped bit, and after cutting short or adding to any place of an age file', async () => {
    const { at, names } = aFolder();
    const recipient = await anIdentity(at);
    writeFileSync(at('plain'), someBytes(140_000));
    await files('encrypt', at('plain'), '-r', recipient, '-o', at('good'));
    const good = readFileSync(at('good'));
    const before = [...names(), 'bad'].sort();
    await fc.assert(
      fc.asyncProperty(fc.nat(good.length * 8 - 1), fc.constantFrom('flip', 'cut', 'add'), async (bit, how) => {
        const bad = Buffer.from(how === 'cut' ? good.subarray(0, bit >> 3) : good);
        if (how === 'flip') bad[bit >> 3] = (bad[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        writeFileSync(at('bad'), bad);
        if (how === 'add') appendFileSync(at('bad'), bad.subarray(bit >> 3));
        const { code, out, err } = await files('decrypt', at('bad'), '-i', at('key.txt'), '-o', at('out'));
        expect({ code, out }).toEqual({ code: 1, out: '' });
        expect(err).toMatch(/^valtronics: [^\n]{20,300}\n$/);
        expect(names()).toEqual(before);
      }),
      { numRuns: 60 },
    );
  });

  test('after the wrong passphrase, a flipped bit or a truncated tag', async () => {
    const { at, names } = aFolder();
    writeFileSync(at('plain'), someBytes(70_000));
    await files('encrypt', at('plain'), '--passphrase-file', at('passphrase'), '-o', at('good'));
    writeFileSync(at('wrong'), 'five words are much worse', { mode: 0o600 });
    const before = names();
    expect(await files('decrypt', at('good'), '--passphrase-file', at('wrong'), '-o', at('out'))).toMatchObject({
      code: 1,
      err: expect.stringContaining('the passphrase is not that of this file'),
    });
    const good = readFileSync(at('good'));
    good[10_000] = (good[10_000] ?? 0) ^ 4;
    writeFileSync(at('good'), good);
    const refused = { code: 1, err: expect.stringContaining('was altered, cut short or added to, behind byte 0 of') };
    expect(await files('decrypt', at('good'), '--passphrase-file', at('passphrase'), '-o', at('out'))).toMatchObject(
      refused,
    );
    good[10_000] = (good[10_000] ?? 0) ^ 4;
    writeFileSync(at('good'), good);
    truncateSync(at('good'), good.length - 1);
    expect(await files('decrypt', at('good'), '--passphrase-file', at('passphrase'), '-o', at('out'))).toMatchObject({
      code: 1,
    });
    expect(names()).toEqual(before);
  });

  test('after Ctrl-C, also while it waits for more, which ends it with 1', async () => {
    const { at, names } = aFolder();
    const recipient = await anIdentity(at);
    const before = names();
    const child = spawn(process.execPath, [PROGRAM, 'files', 'encrypt', '-', '-r', recipient, '-o', at('out')], {
      stdio: ['pipe', 'ignore', 'pipe'],
    });
    onTestFinished(() => void child.kill('SIGKILL'));
    let err = '';
    child.stderr.on('data', (text) => {
      err += String(text);
    });
    child.stdin.on('error', () => undefined);
    child.stdin.write(Buffer.alloc(3_000_000));
    while (names().length === before.length) await sleep(20);
    child.kill('SIGINT');
    const [code] = await once(child, 'exit');
    expect({ code, err }).toEqual({ code: 1, err: 'valtronics: stopped: there is no output\n' });
    expect(names()).toEqual(before);
  });

  test('over a file that is there already, unless it is asked for', async () => {
    const { at } = aFolder();
    const recipient = await anIdentity(at);
    writeFileSync(at('plain'), 'x');
    writeFileSync(at('plain.age'), 'of somebody');
    expect(await files('encrypt', at('plain'), '-r', recipient)).toMatchObject({
      code: 1,
      err: expect.stringContaining('is there already'),
    });
    expect(readFileSync(at('plain.age'), 'utf8')).toBe('of somebody');
    expect(await files('encrypt', at('plain'), '-r', recipient, '--force')).toMatchObject({ code: 0 });
  });
});

describe('wrong usage', () => {
  test.each<[string[], string]>([
    [['encrypt'], 'FILE is missing'],
    [['encrypt', '-'], '--output is missing'],
    [['encrypt', 'x', '-r', 'age1x', '--passphrase-file', 'p'], 'exclude each other'],
    [['encrypt', 'x', '--passphrase-fd', '3', '--passphrase-file', 'p'], 'exclude each other'],
    [['encrypt', 'x', '--passphrase-fd', 'three'], '--passphrase-fd takes a whole number'],
    [['encrypt', '-', '-o', 'y', '--passphrase-fd', '0'], 'both the file and the passphrase'],
    [['encrypt', 'x', '-r', 'age1x', '-o', '-', '--json'], 'exclude each other'],
    [['encrypt', 'x', '--passphrase', 'secret'], 'there is no option --passphrase'],
    [['decrypt', 'x'], 'ends neither with .enc nor with .age'],
    [['decrypt', '.enc'], 'ends neither with .enc nor with .age'],
    [['decrypt', 'x.enc', '-o', '-'], 'nothing is decrypted to standard output'],
    [['decrypt', 'x.age', '-i', 'k', '--passphrase-file', 'p'], 'exclude each other'],
  ])('%j ends with 2', async (args, hint) => {
    const { code, out, err } = await files(...args);
    expect({ code, out }).toEqual({ code: 2, out: '' });
    expect(err).toContain(hint);
  });

  test('what cannot be used ends with 1 and one line that says why', async () => {
    const { folder, at } = aFolder();
    writeFileSync(at('plain'), 'x');
    writeFileSync(at('open'), `${PASSPHRASE}\n`, { mode: 0o644 });
    chmodSync(at('open'), 0o644);
    writeFileSync(at('lines'), 'one\ntwo\n', { mode: 0o600 });
    writeFileSync(at('short'), 'fourteen signs', { mode: 0o600 });
    const cases: [string[], string][] = [
      [['encrypt', at('none'), '--passphrase-file', at('passphrase')], 'does not exist'],
      [['encrypt', '/dev/null', '--passphrase-file', at('passphrase'), '-o', at('out')], 'is no regular file'],
      [['encrypt', folder, '--passphrase-file', at('passphrase')], 'is a folder'],
      [['encrypt', at('plain'), '--passphrase-file', at('open')], 'run chmod 600'],
      [['encrypt', at('plain'), '--passphrase-file', at('lines')], 'does not hold one line'],
      [['encrypt', at('plain'), '--passphrase-file', at('short')], 'fewer than 15 characters'],
      [['encrypt', at('plain'), '--passphrase-file', at('none')], 'does not exist'],
      [['encrypt', at('plain'), '--passphrase-fd', '999'], 'cannot be read (EBADF)'],
      [['encrypt', at('plain'), '-R', at('none')], 'cannot be read: ENOENT'],
      [['encrypt', at('plain'), '-r', 'nobody'], 'is no age recipient'],
      [['decrypt', at('plain'), '-i', at('passphrase'), '-o', at('out')], 'is no age identity'],
      [['decrypt', at('plain'), '--passphrase-file', at('passphrase'), '-o', at('out')], 'is neither one that'],
    ];
    for (const [args, why] of cases) {
      const { code, out, err } = await files(...args);
      expect({ code, out, err }, args.join(' ')).toEqual({ code: 1, out: '', err: expect.stringContaining(why) });
      expect(err).toMatch(/^valtronics: [^\n]+\n$/);
      expect(err).not.toContain(PASSPHRASE);
    }
  });

  test('without a terminal nobody is asked', async () => {
    const { at } = aFolder();
    writeFileSync(at('plain'), 'x');
    const run = spawnSync('setsid', ['--wait', process.execPath, PROGRAM, 'files', 'encrypt', at('plain')], {
      encoding: 'utf8',
    });
    expect(run).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('there is no terminal to ask for a passphrase'),
    });
  });
});
