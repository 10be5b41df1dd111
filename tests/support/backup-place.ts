import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { generateIdentity, identityToRecipient } from 'age-encryption';
import { aPlace } from './place.ts';
import { aServer } from './program.ts';

/** A data folder to be, a folder for backups beside it, and the identity that opens them. */
export async function aBackupPlace() {
  const place = await aPlace();
  const folder = join(place.dataDir, '../backups');
  mkdirSync(folder);
  const identity = await generateIdentity();
  const key = join(place.dataDir, '../key.txt');
  writeFileSync(key, `${identity}\n`, { mode: 0o600 });
  const env = {
    ...place.env,
    VALTRONICS_BACKUP_FOLDER: folder,
    VALTRONICS_BACKUP_RECIPIENTS: await identityToRecipient(identity),
    // Only what the test makes.
    VALTRONICS_BACKUP_EVERY_HOURS: '0',
    VALTRONICS_BACKUP_POINT_IN_TIME_DAYS: '0',
  };
  return { ...place, env, folder, key };
}

export async function running(env: Readonly<Record<string, string>>) {
  const server = aServer({ env });
  await server.says('Valtronics is running on');
  return server;
}

/** One bit in the middle of a file. */
export function flip(path: string): void {
  const bytes = readFileSync(path);
  bytes.writeUInt8(bytes.readUInt8(bytes.length >> 1) ^ 1, bytes.length >> 1);
  writeFileSync(path, bytes);
}
