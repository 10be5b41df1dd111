import type { Factor, Session } from '@valtronics/contract';

export const factorWords: Readonly<Record<Factor['kind'], string>> = {
  totp: 'Authenticator app',
  passkey: 'Passkey',
};

/** What a session was proven with. */
export const provenWords: Readonly<Record<Session['factor'], string>> = {
  password: 'password',
  recovery_code: 'recovery code',
  totp: 'authenticator app',
  provider: 'other sign-in service',
  passkey: 'passkey',
};
