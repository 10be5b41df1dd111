import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { loadConfig } from './config.ts';
import { type Secret, secret } from './secret.ts';
import { secretFromFile } from './secret-from-file.ts';

let now = 0;
let read: () => Secret;
beforeEach(() => {
  now = 0;
});
const of = (text: string): Secret =>
  secretFromFile(
    secret(text),
    () => read(),
    () => now,
  );

describe('a secret from a file', () => {
  it('is the new one a second after the file was replaced, and the file is read no oftener', () => {
    let reads = 0;
    read = () => {
      reads += 1;
      return secret('second');
    };
    const value = of('first');
    expect([value.reveal(), reads]).toEqual(['first', 0]);
    now = 999;
    expect([value.reveal(), reads]).toEqual(['first', 0]);
    now = 1_000;
    expect([value.reveal(), value.reveal(), reads]).toEqual(['second', 'second', 1]);
  });

  it('stays what it was while the file cannot be read, and is looked for again', () => {
    read = () => {
      throw new Error('gone');
    };
    const value = of('first');
    now = 5_000;
    expect(value.reveal()).toBe('first');
    read = () => secret('second');
    now = 6_000;
    expect(value.reveal()).toBe('second');
  });

  it('may change the credentials of a URL, not the place', () => {
    read = () => secret('rediss://u:new@cache.example.org:6379/1');
    const value = of('rediss://u:old@cache.example.org:6379/1');
    now = 1_000;
    expect(value.reveal()).toContain(':new@');
    read = () => secret('rediss://u:newer@elsewhere.example.org:6379/1');
    now = 2_000;
    expect(value.reveal()).toContain(':new@cache.example.org');
  });

  it('says nothing of itself, like any other', () => {
    expect(`${of('first')} ${JSON.stringify({ of: of('first') })}`).not.toContain('first');
  });

  it('is what a setting with _FILE gives', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'valtronics-secret-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const file = join(folder, 'token');
    const replace = (text: string): void => {
      writeFileSync(`${file}.new`, text, { mode: 0o600 });
      renameSync(`${file}.new`, file);
    };
    replace('a token of the first month');
    const { metricsToken } = loadConfig({ VALTRONICS_DATA_DIR: folder, VALTRONICS_METRICS_TOKEN_FILE: file });
    expect(metricsToken?.reveal()).toBe('a token of the first month');
    replace('short');
    await new Promise((resolve) => setTimeout(resolve, 1_100));
    // Sixteen characters at least: the one before stays.
    expect(metricsToken?.reveal()).toBe('a token of the first month');
    replace('a token of the second month');
    await new Promise((resolve) => setTimeout(resolve, 1_100));
    expect(metricsToken?.reveal()).toBe('a token of the second month');
  });
});
