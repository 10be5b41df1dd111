import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { generateIdentity, identityToRecipient } from 'age-encryption';
import { onTestFinished } from 'vitest';
import { runCommandLine } from '../../server/src/cli/command-line.ts';

// What the tests of `valtronics files …` share.

export const PROGRAM = join(import.meta.dirname, '../../server/src/cli/valtronics.ts');
export const PASSPHRASE = 'five words are much better';

export function aFolder() {
  const folder = mkdtempSync(join(tmpdir(), 'valtronics-files-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const at = (name: string): string => join(folder, name);
  writeFileSync(at('passphrase'), `${PASSPHRASE}\n`, { mode: 0o600 });
  return { folder, at, names: () => readdirSync(folder).sort() };
}

/** In this process, which saves a second each. */
export async function files(...args: string[]) {
  const said = { out: '', err: '' };
  const to = (stream: 'out' | 'err') => ({
    write(text: string) {
      said[stream] += text;
    },
  });
  const code = await runCommandLine(['files', ...args], { out: to('out'), err: to('err') });
  return { code, ...said };
}

export async function anIdentity(at: (name: string) => string): Promise<string> {
  const identity = await generateIdentity();
  writeFileSync(at('key.txt'), `# a comment\n${identity}\n`, { mode: 0o600 });
  return identityToRecipient(identity);
}

export const someBytes = (length: number): Buffer =>
  Buffer.from(Array.from({ length }, (_, at) => (at * 31 + (at >> 8)) & 0xff));
