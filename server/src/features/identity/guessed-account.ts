import { UNREADABLE } from '../../security/keys/damaged-values.ts';

/**
 * Under what the attempts and the known browsers of an account are counted: its address, as strangers claim it; its id where the address
 * does not open (or there is none), so that two damaged accounts share no counter. No id is anybody's address, so nobody can claim it.
 */
export const guessedAccount = ({ email, userId }: { readonly email: string; readonly userId: string }): string =>
  email === UNREADABLE || email === '' ? `user:${userId}` : email;
