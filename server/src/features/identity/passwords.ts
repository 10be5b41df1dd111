/** What identity needs of password handling; the hashing itself lives in `security/crypto`. */
export interface Passwords {
  hash(password: string): Promise<string>;
  /** `null` stands for an unknown account and takes as long as a wrong password. */
  verify(hash: string | null, password: string): Promise<boolean>;
  needsRehash(hash: string): boolean;
  /** Why the password may not be used, or undefined. */
  fault(
    password: string,
    account: { email: string; name: string | null; hasSecondFactor?: boolean },
  ): string | undefined;
}
