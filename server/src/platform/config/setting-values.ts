import { isAbsolute, resolve } from 'node:path';
import { type AddressList, addressList, isHostName, parseCidr } from './addresses.ts';
import { type Secret, secret } from './secret.ts';

// Each function turns the text of a setting into its value, or throws BadValue with the two halves of the error line.

export class BadValue extends Error {
  readonly problem: string;
  readonly remedy: string;

  constructor(problem: string, remedy: string) {
    super(`${problem}: ${remedy}`);
    this.problem = problem;
    this.remedy = remedy;
  }
}

export interface ValueSource {
  /** Folder that relative paths start from. */
  readonly cwd: string;
  /** Whether the text was read through `NAME_FILE`. */
  readonly fromFile: boolean;
}

export type ParseValue<T> = (text: string, source: ValueSource) => T;

const MAX_LIST_ITEMS = 256;

export const path: ParseValue<string> = (text, source) => resolve(source.cwd, text);

export const folders: ParseValue<readonly string[]> = (text) => {
  const items = listOf(text);
  for (const item of items) {
    if (!isAbsolute(item) || resolve(item) === '/')
      throw new BadValue(`holds ${quote(item)}`, 'give absolute paths of folders, separated by commas');
  }
  return Object.freeze(items.map((item) => resolve(item)));
};

/** By their form; whether one is good is known when it is used. */
export const ageRecipients: ParseValue<readonly string[]> = (text) => {
  const items = listOf(text);
  for (const item of items) {
    if (!/^age1[a-z0-9]{1,4000}$/.test(item))
      throw new BadValue(
        /^age-secret-key/i.test(item) ? 'holds a secret identity' : `holds ${quote(item)}`,
        'give public keys of age (age1…), as age-keygen -y prints them',
      );
  }
  return Object.freeze(items);
};

export function wholeNumber(lowest: number, highest: number): ParseValue<number> {
  return (text) => {
    const value = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
    if (!(value >= lowest && value <= highest)) {
      throw new BadValue(`is ${quote(text)}`, `give a whole number from ${lowest} to ${highest}`);
    }
    return value;
  };
}

/** 0 lets the system choose, which is for tests. */
export const port = wholeNumber(0, 65_535);

export const portOrOff: ParseValue<number | undefined> = (text, source) =>
  text === 'off' ? undefined : port(text, source);

export function oneOf<const T extends string>(...choices: readonly T[]): ParseValue<T> {
  return (text) => {
    const choice = choices.find((candidate) => candidate === text);
    if (choice === undefined) throw new BadValue(`is ${quote(text)}`, `give one of ${choices.join(', ')}`);
    return choice;
  };
}

export const host: ParseValue<string> = (text) => {
  const network = text.includes('/') ? undefined : parseCidr(text);
  if (network === undefined && !isHostName(text)) {
    throw new BadValue(`is ${quote(text)}`, 'give an IP address or a host name to listen on, such as 127.0.0.1');
  }
  return text;
};

export const networks: ParseValue<AddressList> = (text) => {
  const cidrs = listOf(text);
  for (const cidr of cidrs) {
    if (parseCidr(cidr) === undefined) {
      throw new BadValue(
        `holds ${quote(cidr)}`,
        'give networks such as 10.0.0.0/8 or fd00::/8, separated by commas; /0 is refused',
      );
    }
  }
  return addressList(cidrs);
};

export const networksOrHosts: ParseValue<readonly string[]> = (text) => {
  const items = listOf(text);
  for (const item of items) {
    if (parseCidr(item) === undefined && !isHostName(item)) {
      throw new BadValue(
        `holds ${quote(item)}`,
        'give host names or networks such as 10.1.2.0/24, separated by commas; /0 is refused',
      );
    }
  }
  return items;
};

export function namesOf<const T extends string>(choices: readonly T[]): ParseValue<readonly T[]> {
  const choose = oneOf(...choices);
  return (text, source) => Object.freeze([...new Set(listOf(text).map((item) => choose(item, source)))]);
}

export const email: ParseValue<string> = (text) => {
  if (text.length > 254 || !/^[^\s@<>"]+@[^\s@<>"]+$/.test(text)) {
    throw new BadValue(`is ${quote(text)}`, 'give one email address');
  }
  return text;
};

export function secretText(lowestLength: number, highestLength: number): ParseValue<Secret> {
  return (text) => {
    if (text.length < lowestLength || text.length > highestLength) {
      throw new BadValue('is too short or too long', `give ${lowestLength} to ${highestLength} characters`);
    }
    return secret(text);
  };
}

/** A path in the environment, the key itself in a file: an environment is shown by too many tools to hold the key. */
export const rootKey: ParseValue<{ readonly file: string | undefined; readonly key: Secret | undefined }> = (
  text,
  source,
) => {
  if (source.fromFile) return { file: undefined, key: secret(text) };
  if (text.startsWith('valtronics-root-key')) {
    throw new BadValue(
      'holds a key',
      'give the path of a key file, or put the key into a file and name that in VALTRONICS_ROOT_KEY_FILE',
    );
  }
  return { file: resolve(source.cwd, text), key: undefined };
};

function listOf(text: string): readonly string[] {
  if (text.trim() === '') return Object.freeze([]);
  const items = text.split(',').map((item) => item.trim());
  if (items.includes('')) throw new BadValue('has an empty place in its list', 'remove the extra comma');
  if (items.length > MAX_LIST_ITEMS) throw new BadValue('is too long a list', `give at most ${MAX_LIST_ITEMS} items`);
  return Object.freeze(items);
}

function quote(text: string): string {
  return JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}…` : text);
}
