/**
 * - `damaged`: what is there is not what was made, which is a matter of security.
 * - `stranger`: nobody whose word counts has signed it: whole in itself, and yet perhaps not what was made.
 * - `inconsistent`: its rows do not fit together, or not into their tables: so it was made, and yet it does not come back.
 * - `wrong-key`: it may be good, but what was given does not open it.
 * - `unusable`: good, and yet it cannot be used here.
 */
export type BackupProblem = 'damaged' | 'stranger' | 'inconsistent' | 'wrong-key' | 'unusable';

/** One line that says what is wrong and what to do. */
export class BackupError extends Error {
  override readonly name = 'BackupError';
  readonly problem: BackupProblem;

  constructor(problem: BackupProblem, message: string, options?: ErrorOptions) {
    super(message, options);
    this.problem = problem;
  }
}
