import { createPasswordHashing, type PasswordHashing } from './password-hashing.ts';
import { type PasswordOwner, passwordFault } from './password-policy.ts';

export interface Passwords extends PasswordHashing {
  /** Why a password may not be used, or undefined. */
  fault(password: string, owner: PasswordOwner): string | undefined;
}

export function createPasswords(): Passwords {
  return { ...createPasswordHashing(), fault: passwordFault };
}
