import { type FieldError, type ProblemBody, type ProblemCode, problems } from '@valtronics/contract';

export interface ProblemOptions {
  /** Said to the caller; never holds what only the log may know. */
  readonly detail?: string;
  readonly errors?: readonly FieldError[];
  readonly retryAfterSeconds?: number;
  /** Of a 401: what WWW-Authenticate says instead of the usual (RFC 9110, 11.6.1). */
  readonly challenge?: string;
  readonly cause?: unknown;
}

/** An answer that is not a success. What we say is in here; what we know beyond it goes into `cause` and only to the log. */
export class Problem extends Error {
  readonly code: ProblemCode;
  readonly status: number;
  readonly detail: string | undefined;
  readonly errors: readonly FieldError[] | undefined;
  readonly retryAfterSeconds: number | undefined;
  readonly challenge: string | undefined;

  constructor(code: ProblemCode, options: ProblemOptions = {}) {
    super(options.detail ?? problems[code].title, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'Problem';
    this.code = code;
    this.status = problems[code].status;
    this.detail = options.detail;
    this.errors = options.errors;
    this.retryAfterSeconds = options.retryAfterSeconds;
    this.challenge = options.challenge;
  }
}

export const notFound = (): Problem => new Problem('not_found');

/** One faulty field, named by its path in the request. */
export const invalidField = (path: string, message: string): Problem =>
  new Problem('invalid_request', { errors: [{ path, message }] });

/** RFC 9457. 429 and 503 always tell when to come back. */
export function problemBody(problem: Problem, requestId: string): ProblemBody {
  return {
    type: `urn:valtronics:problem:${problem.code}`,
    title: problems[problem.code].title,
    status: problem.status,
    code: problem.code,
    ...(problem.detail === undefined ? {} : { detail: problem.detail }),
    requestId,
    ...(problem.errors === undefined ? {} : { errors: [...problem.errors] }),
  };
}

export function retryAfterSeconds(problem: Problem): number | undefined {
  if (problem.retryAfterSeconds !== undefined) return Math.max(1, Math.ceil(problem.retryAfterSeconds));
  return problem.status === 429 || problem.status === 503 ? 1 : undefined;
}
