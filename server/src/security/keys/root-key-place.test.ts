import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { secret } from '../../platform/config/secret.ts';
import { findRootKey } from './root-key-place.ts';

function aHost() {
  const root = mkdtempSync(join(tmpdir(), 'valtronics-root-key-'));
  onTestFinished(() => rmSync(root, { recursive: true }));
  const dataDir = join(root, 'data');
  mkdirSync(dataDir);
  const file = (path: string): string => {
    writeFileSync(path, 'key');
    return path;
  };
  const of = (more: Partial<Parameters<typeof findRootKey>[0]>) =>
    findRootKey({
      dataDir,
      rootKeyFile: join(dataDir, 'root.key'),
      rootKeyMount: undefined,
      transit: undefined,
      ...more,
    });
  return { root, dataDir, file, of };
}

test('a key in the data folder lies beside the data, also by a link from elsewhere', () => {
  const { root, dataDir, file, of } = aHost();
  const key = file(join(dataDir, 'root.key'));
  expect(of({})).toEqual({ kind: 'file', place: key, beside: 'data_folder', leftBehind: null });
  const link = join(root, 'elsewhere.key');
  symlinkSync(key, link);
  expect(of({ rootKeyFile: link })).toMatchObject({ place: link, beside: 'data_folder' });
});

test('a key in another folder of the disk lies on the disk of the data; one on another disk apart', () => {
  const { root, file, of } = aHost();
  const key = file(join(root, 'root.key'));
  expect(of({ rootKeyFile: key })).toMatchObject({ kind: 'file', beside: 'same_disk' });
  expect(of({ rootKeyMount: key })).toMatchObject({ kind: 'mounted', place: key, beside: 'same_disk' });
  expect(of({ rootKeyMount: '/proc/self/status' })).toMatchObject({ kind: 'mounted', beside: null });
});

test('a folder whose name only begins like the data folder is another one', () => {
  const { root, file, of } = aHost();
  mkdirSync(join(root, 'data2'));
  expect(of({ rootKeyFile: file(join(root, 'data2', 'root.key')) }).beside).toBe('same_disk');
});

test('with Transit it lies nowhere on the host, and what was left behind in clear is named', () => {
  const { dataDir, file, of } = aHost();
  const key = { origin: 'https://vault.example.org:8200', mount: 'transit', keyName: 'valtronics', caFile: undefined };
  const transit = { key, token: secret('a token of Vault') };
  const place = 'https://vault.example.org:8200/v1/transit/keys/valtronics';
  expect(of({ transit })).toEqual({ kind: 'transit', place, beside: null, leftBehind: null });
  const left = file(join(dataDir, 'root.key'));
  expect(of({ transit }).leftBehind).toEqual({ place: left });
});
