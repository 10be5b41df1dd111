import { createPasswordHashing, type PasswordHashing } from './password-hashing.ts';
import { passwordFault } from './password-policy.ts';

export interface Passwords extends PasswordHashing {
  /** Why a password may not be used, or undefined. */
  fault(password: string, account: { readonly email: string; readonly name: string | null }): string | undefined;
}

export function createPasswords(): Passwords {
  return { ...createPasswordHashing(), fault: passwordFault };
}
