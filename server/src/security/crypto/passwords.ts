import type { BreachedPasswords } from './breached-passwords.ts';
import { commonPasswords } from './common-passwords.ts';
import { createPasswordHashing, type PasswordHashing } from './password-hashing.ts';
import { type PasswordOwner, passwordFault } from './password-policy.ts';

export interface Passwords extends PasswordHashing {
  /**
   * Why a password may not be chosen, as words for a form, or undefined. Asked when a password is set and never when it is used: a person
   * whose password became known elsewhere must still be able to come in and change it.
   */
  check(password: string, owner: PasswordOwner): Promise<string | undefined>;
}

/** `host`: the name people open this installation under; `breached`: a service that knows what leaked, if there is one. */
export function createPasswords(options: { host: string; breached: BreachedPasswords | undefined }): Passwords {
  const { host, breached } = options;
  return {
    ...createPasswordHashing(),
    async check(password, owner) {
      const fault = passwordFault(password, owner, { common: await commonPasswords(), host });
      if (fault !== undefined) return fault;
      return (await breached?.has(password)) ? 'not one that is known from a data breach' : undefined;
    },
  };
}
