import { mkdirSync, readdirSync, readFileSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { aFolder, anIdentity, files, someBytes } from '../support/files-command.ts';
import { asSmallDisk } from '../support/small-disk.ts';

// `valtronics files encrypt | decrypt` onto a disk that fills up.

const MIB = 1024 * 1024;

test.each(['a passphrase', 'a recipient'])(
  'with %s: one line that says why, no output, nothing left',
  {
    timeout: 120_000,
  },
  async (kind) => {
    const { at } = aFolder();
    mkdirSync(at('disk'));
    const disk = asSmallDisk(at('disk'), 50);
    if (!disk) return;
    const recipient = await anIdentity(at);
    const to = kind === 'a passphrase' ? ['--passphrase-file', at('passphrase')] : ['-r', recipient];
    const by = kind === 'a passphrase' ? to : ['-i', at('key.txt')];
    const target = join(disk, 'target');
    writeFileSync(at('plain'), Buffer.alloc(60 * MIB, 'x'));
    expect(await files('encrypt', at('plain'), ...to, '-o', at('sealed'))).toMatchObject({ code: 0, err: '' });

    for (const work of [
      ['encrypt', at('plain'), ...to],
      ['decrypt', at('sealed'), ...by],
    ]) {
      const full = { code: 1, out: '', err: expect.stringMatching(/^[^\n]*target[^\n]*no space left[^\n]*\n$/) };
      expect(await files(...work, '-o', target)).toEqual(full);
      expect(readdirSync(disk)).toEqual([]);
      // What would have been replaced is there as it was.
      writeFileSync(target, 'before');
      expect(await files(...work, '-o', target, '--force')).toEqual(full);
      expect(readdirSync(disk)).toEqual(['target']);
      expect(readFileSync(target, 'utf8')).toBe('before');
      rmSync(target);
      expect(freeBytes(disk)).toBe(50 * MIB);
    }
  },
);

test('what misses by its last bytes is no output either, and what just fits is one', { timeout: 120_000 }, async () => {
  const { at } = aFolder();
  mkdirSync(at('disk'));
  const disk = asSmallDisk(at('disk'), 50);
  if (!disk) return;
  const to = ['--passphrase-file', at('passphrase')];
  const plain = someBytes(3 * MIB);
  writeFileSync(at('plain'), plain);
  await files('encrypt', at('plain'), ...to, '-o', at('sealed'));
  for (const work of [
    ['encrypt', at('plain')],
    ['decrypt', at('sealed')],
  ]) {
    const made = work[0] === 'encrypt' ? readFileSync(at('sealed')).length : plain.length;
    const needed = Math.ceil(made / 4_096) * 4_096;
    const ballast = join(disk, 'ballast');
    writeFileSync(ballast, Buffer.alloc(50 * MIB - needed + 4_096));
    expect(freeBytes(disk)).toBe(needed - 4_096);
    expect(await files(...work, ...to, '-o', join(disk, 'target'))).toMatchObject({ code: 1, out: '' });
    expect(readdirSync(disk)).toEqual(['ballast']);
    writeFileSync(ballast, Buffer.alloc(50 * MIB - needed));
    expect(await files(...work, ...to, '-o', join(disk, 'target'))).toMatchObject({ code: 0, err: '' });
    expect(readdirSync(disk).sort()).toEqual(['ballast', 'target']);
    for (const name of readdirSync(disk)) rmSync(join(disk, name));
  }
});

function freeBytes(folder: string): number {
  const { bavail, bsize } = statfsSync(folder);
  return bavail * bsize;
}
