/** The command could not do its work: one line, exit code 1. */
export class CommandError extends Error {
  override readonly name = 'CommandError';
}

/** The command was not called as it is meant to be: one line and a hint, exit code 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}
