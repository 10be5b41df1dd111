/**
 * - `damaged`: what is there is not what was made, which is a matter of security.
 * - `wrong-key`: it may be good, but not with what was given to open or to judge it.
 * - `unusable`: good, and yet it cannot be used here.
 */
export type BackupProblem = 'damaged' | 'wrong-key' | 'unusable';

/** One line that says what is wrong and what to do. */
export class BackupError extends Error {
  override readonly name = 'BackupError';
  readonly problem: BackupProblem;

  constructor(problem: BackupProblem, message: string, options?: ErrorOptions) {
    super(message, options);
    this.problem = problem;
  }
}
