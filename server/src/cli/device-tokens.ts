import { existsSync, renameSync, writeFileSync } from 'node:fs';
import { deviceRegister } from '@valtronics/contract';
import { z } from 'zod';
import { CommandError } from './command-error.ts';
import { type KnownDevice, knownDevice } from './register-fleet.ts';
import { readText } from './server-options.ts';

const tokensFile = z.strictObject({ devices: z.array(knownDevice).max(100_000) });

/** The devices of an earlier `simulate --tokens FILE`; none when the file does not exist yet. */
export function readDeviceTokens(file: string): KnownDevice[] {
  if (!existsSync(file)) return [];
  return parse(tokensFile, file, 'tokens').devices;
}

/** Whole or not at all, and for its owner only. */
export function writeDeviceTokens(file: string, devices: readonly KnownDevice[]): void {
  const draft = `${file}.${process.pid}`;
  writeFileSync(draft, `${JSON.stringify({ devices }, null, 2)}\n`, { mode: 0o600, flag: 'wx' });
  renameSync(draft, file);
}

/** What `devices create --json` printed. */
export function readDeviceToken(file: string): { deviceId: string; deviceToken: string } {
  const { device, credential } = parse(deviceRegister.response, file, 'device-token-file');
  return { deviceId: device.id, deviceToken: credential.token };
}

function parse<S extends z.ZodType>(schema: S, file: string, option: string): z.output<S> {
  const text = readText(option, file);
  try {
    return schema.parse(JSON.parse(text));
  } catch {
    const from = option === 'tokens' ? 'simulate --tokens' : 'devices create --json';
    throw new CommandError(`--${option} ${file} does not hold what "${from}" writes`);
  }
}
