/** What identity needs of password handling; the hashing itself lives in `security/crypto`. */
export interface Passwords {
  hash(password: string): Promise<string>;
  /** `null` stands for an unknown account and takes as long as a wrong password. */
  verify(hash: string | null, password: string): Promise<boolean>;
  needsRehash(hash: string): boolean;
  /** Why the password may not be chosen, or undefined. Slow, and may ask a service elsewhere: never inside a transaction. */
  check(
    password: string,
    owner: { email: string; name: string | null; organisation: string; hasSecondFactor?: boolean },
  ): Promise<string | undefined>;
}
