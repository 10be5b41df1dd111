import { chmodSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { aPlace } from '../support/place.ts';
import { aServer, valtronics } from '../support/program.ts';

test('secrets check finds nothing in what a server made by itself, and what was spoiled afterwards', {
  timeout: 180_000,
}, async () => {
  const { env, dataDir } = await aPlace();
  const server = aServer({ env });
  await server.says('Valtronics is running on');
  const well = await valtronics(['secrets', 'check', '--json'], { env }).finished();
  expect(well).toMatchObject({ code: 0, err: '' });
  expect(JSON.parse(well.out)).toMatchObject({ findings: [] });

  chmodSync(join(dataDir, 'root.key'), 0o640);
  const spoiled = { ...env, VALTRONICS_METRICS_TOKEN: 'passwordpassword' };
  const ill = await valtronics(['secrets', 'check'], { env: spoiled }).finished();
  expect(ill.code).toBe(1);
  expect(ill.out).toContain(`${join(dataDir, 'root.key')}\n`);
  expect(ill.out).toContain('(mode 640)');
  expect(ill.out).toContain('VALTRONICS_METRICS_TOKEN_FILE');
  expect(ill.err).toContain('3 found in 1 setting that holds a secret');
  expect(ill.out + ill.err).not.toContain('passwordpassword');
});
