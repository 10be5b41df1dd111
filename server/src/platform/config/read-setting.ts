import { resolve } from 'node:path';
import { ConfigError } from './config-error.ts';
import { type Environment, readRawSetting } from './raw-settings.ts';
import { isSecret, type Secret } from './secret.ts';
import { secretFromFile } from './secret-from-file.ts';
import { parseSetting, type Setting } from './settings.ts';

/** The file that gives a setting; undefined where none does. */
export function fileOf(env: Environment, { name }: Pick<Setting<unknown>, 'name'>, cwd: string): string | undefined {
  const file = env[`${name}_FILE`];
  return file === undefined ? undefined : resolve(cwd, file);
}

/** What a setting says: of the environment, of `defaults`, or its own fallback. Secrets that are given as files may be replaced there. */
export function readSetting<T>(setting: Setting<T>, env: Environment, defaults: Environment, cwd: string): T {
  const raw = readRawSetting(env, setting.name) ?? readRawSetting(defaults, setting.name);
  const text = raw?.text ?? setting.fallback;
  // Only `optional` settings have no fallback, and their T includes undefined.
  if (text === undefined) return undefined as T;
  if (text === '' && !setting.mayBeEmpty) throw new ConfigError(setting.name, 'is empty', 'give a value or remove it');
  const fromFile = raw?.fromFile ?? false;
  const value = parseSetting(setting, text, { cwd, fromFile });
  if (!fromFile || !isSecret(value)) return value;
  const readAgain = (): Secret => {
    const again = parseSetting(setting, readRawSetting(env, setting.name)?.text ?? '', { cwd, fromFile });
    if (!isSecret(again)) throw new Error(`${setting.name} is no secret any more`);
    return again;
  };
  return secretFromFile(value, readAgain) as T;
}
