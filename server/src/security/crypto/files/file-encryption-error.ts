/**
 * - `not-encrypted`: neither of the two formats
 * - `unknown-version`: one of ours, by a later program
 * - `malformed`: a header outside of its bounds
 * - `no-key`: nothing was given that could open this kind of file
 * - `wrong-key`: none of what was given opens it
 * - `refused`: what is in it is not what was put in: altered, cut short, reordered or extended
 * - `bad-input`: what it should be encrypted with cannot be used
 */
export type FileEncryptionProblem =
  | 'not-encrypted'
  | 'unknown-version'
  | 'malformed'
  | 'no-key'
  | 'wrong-key'
  | 'refused'
  | 'bad-input';

/** One line that names the cause and, where there is one, the remedy; it never holds a secret. */
export class FileEncryptionError extends Error {
  override readonly name = 'FileEncryptionError';
  readonly problem: FileEncryptionProblem;

  constructor(problem: FileEncryptionProblem, message: string, options?: ErrorOptions) {
    super(message, options);
    this.problem = problem;
  }
}
