import { type Environment, readRawSetting } from './raw-settings.ts';
import { isSecret } from './secret.ts';
import { parseSetting, type Setting, settings } from './settings.ts';

/** A setting that is a secret or holds one, as it was given. */
export interface GivenSecret {
  readonly name: string;
  /** What is secret in it: of a URL the password, of anything else the whole. Empty: a URL without one. */
  readonly value: string;
  /** The file it was read from; undefined: it stands in the environment itself. */
  readonly file: string | undefined;
}

/** Which settings hold secrets follows from what they are parsed to, so none has to be listed a second time. */
export function givenSecrets(env: Environment = process.env, cwd = process.cwd()): GivenSecret[] {
  return Object.values<Setting<unknown>>(settings).flatMap((setting) => {
    const { name } = setting;
    const raw = readRawSetting(env, name);
    if (raw === undefined) return [];
    const parsed = parseSetting(setting, raw.text, { cwd, fromFile: raw.fromFile });
    const isOne =
      isSecret(parsed) || (typeof parsed === 'object' && parsed !== null && Object.values(parsed).some(isSecret));
    if (!isOne) return [];
    return [{ name, value: secretPart(raw.text), file: raw.fromFile ? env[`${name}_FILE`] : undefined }];
  });
}

function secretPart(text: string): string {
  if (!/^[a-z][a-z0-9+.-]*:\/\//i.test(text) || !URL.canParse(text)) return text;
  const { password } = new URL(text);
  try {
    return decodeURIComponent(password);
  } catch {
    return password;
  }
}
