import type { FieldError, ProblemBody, ProblemCode } from '@valtronics/contract';

/** What went wrong with a call, in the words of the server where it answered. */
export class ProblemError extends Error {
  readonly status: number;
  readonly code: ProblemCode | 'network';
  readonly title: string;
  readonly detail: string | undefined;
  readonly requestId: string | undefined;
  readonly errors: readonly FieldError[];
  readonly retryAfterSeconds: number | undefined;
  readonly retryAt: Date | undefined;

  constructor(
    problem: Omit<Partial<ProblemBody>, 'code'> & { status: number; title: string; code: ProblemCode | 'network' },
    retryAfterSeconds?: number,
  ) {
    super(problem.detail ? `${problem.title}: ${problem.detail}` : problem.title);
    this.name = 'ProblemError';
    this.status = problem.status;
    this.code = problem.code;
    this.title = problem.title;
    this.detail = problem.detail;
    this.requestId = problem.requestId;
    this.errors = problem.errors ?? [];
    this.retryAfterSeconds = retryAfterSeconds;
    this.retryAt = retryAfterSeconds === undefined ? undefined : new Date(Date.now() + retryAfterSeconds * 1000);
  }
}

export const unreachable = () =>
  new ProblemError({
    status: 0,
    code: 'network',
    title: 'The server cannot be reached',
    detail: 'Check the connection; nothing was changed.',
  });

/** A problem for anything thrown, so that a page has one shape to show. */
export function asProblem(error: unknown): ProblemError {
  if (error instanceof ProblemError) return error;
  return new ProblemError({
    status: 0,
    code: 'internal',
    title: 'Something went wrong in this page',
    detail: error instanceof Error ? error.message : undefined,
  });
}
