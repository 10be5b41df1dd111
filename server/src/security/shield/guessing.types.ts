/** Secrets that are asked for besides the password, each kind counted on its own. */
export type FactorKind = 'totp' | 'passkey' | 'recovery_code' | 'password_again';

/** Who claims what, before it is looked at. */
export interface GuessSubject {
  /** Where it comes from. Left out for a caller whose session was let in before: a block of the address does not hold for them. */
  readonly address?: string | undefined;
  /** The email address that is claimed, whether it has an account or not. */
  readonly account?: string | undefined;
  /** Set for a second factor or a password asked for again: at most 5 failures an hour for the account and kind. */
  readonly factor?: FactorKind | undefined;
  /** As the browser sent it. It counts if it is one of this account's and is nothing otherwise. */
  readonly deviceCookie?: string | undefined;
}

export interface GuessAttempt {
  /** The secret was right. Returns how many failures of this account came before it in a row. */
  succeeded(): Promise<number>;
  /** The secret was wrong. */
  failed(): Promise<void>;
  /** There is no verdict, through no fault of the caller's: the attempt leaves no trace. */
  withdrawn(): Promise<void>;
}

/**
 * Stands before every place that looks at a secret a person could guess or a stranger could have listed. Counts are in PostgreSQL, so they
 * survive restarts and hold for all servers together.
 *
 * ```ts
 * const account = await guessing.check({ address, account: email, deviceCookie }, async () => (isRight ? account : null));
 * if (account === null) throw new Problem('invalid_credentials');
 * ```
 *
 * What to give: a password `{ address, account, deviceCookie }`; a code or key after it the same with `factor`; something asked for again in
 * an open session `{ account, factor, deviceCookie }`, without the address; a link, a callback or a refresh token `{ address }`. Bearer
 * tokens of 256 random bits that come with every request are no business of this one: see `RefusedTokens`.
 */
export interface Guessing {
  /**
   * Before the secret is looked at; then exactly one of the three is called. Throws a Problem, with Retry-After, when it must not be
   * looked at: `address_blocked`, `too_many_requests`, or `recovery_needed` (after 100 wrong passwords in a row; a right one would not
   * be told apart). Known and unknown accounts get the same answers after the same work. An attempt counts as a failure while it is
   * open, and for good when no verdict comes within a minute.
   */
  reserve(subject: GuessSubject): Promise<GuessAttempt>;
  /**
   * The same around one look: `null` is a wrong secret, anything else a right one, an error is no verdict. `onSuccess` hears how many
   * failures of the account came before in a row.
   */
  check<T>(
    subject: GuessSubject,
    look: () => Promise<T | null>,
    onSuccess?: (failuresBefore: number) => void,
  ): Promise<T | null>;
  /** Of the gate: somebody at a blocked address tried to prove a secret, which was not looked at. */
  refusedWhileBlocked(address: string): Promise<void>;
  /**
   * The account has a new password, chosen by whoever proved to be its owner (reset link, own change): its failures are forgotten and
   * every browser is a stranger again.
   */
  recovered(account: string): Promise<void>;
  /**
   * After the whole sign-in of a browser succeeded: the cookie to set, or undefined when the browser has a good one of this account
   * already. It grants nothing but counters of its own.
   */
  rememberBrowser(account: string, deviceCookie: string | undefined): Promise<string | undefined>;
}
