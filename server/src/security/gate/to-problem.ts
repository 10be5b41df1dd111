import type { z } from 'zod';
import { Problem } from '../../lib/problem.ts';
import { PasswordQueueFullError } from '../crypto/password-hashing.ts';

const fastifyProblems: Readonly<Record<string, () => Problem>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: () => new Problem('too_large'),
  FST_ERR_CTP_INVALID_MEDIA_TYPE: () => new Problem('unsupported_media_type'),
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: () =>
    new Problem('malformed_json', { detail: 'The body is not as long as it says.' }),
  FST_ERR_CTP_EMPTY_JSON_BODY: () => new Problem('malformed_json', { detail: 'The body is empty.' }),
  FST_ERR_CTP_EMPTY_TYPE: () => new Problem('unsupported_media_type'),
  FST_ERR_BAD_URL: () => new Problem('invalid_request', { detail: 'The address is not a valid URL.' }),
};

/** SQLSTATE classes that say "not now" rather than "never"; see PostgreSQL's appendix of error codes. */
const NOT_NOW = /^(08|57P0|53[03]|40)/;
const DISK_FULL = '53100';
const CANCELED = '57014';
/** A text with U+0000, which JSON can hold and PostgreSQL cannot: as text, and as jsonb. */
const UNSTORABLE_TEXT = new Set(['22021', '22P05']);
/** PostgreSQL's stack ended in a document that ours still could follow. */
const STACK_DEPTH = '54001';
export const TOO_DEEP = 'The body is nested too deeply.';
const NOT_NOW_SYSTEM = new Set(['ECONNREFUSED', 'ECONNRESET', 'ENOENT', 'EPIPE', 'ETIMEDOUT']);

/**
 * What the caller is told of an error. Only a Problem speaks for itself; anything else becomes one of a few fixed answers, since a
 * library's message may hold SQL, paths or values.
 */
export function toProblem(error: unknown): Problem {
  if (error instanceof Problem) return error;
  if (error instanceof PasswordQueueFullError) return new Problem('overloaded', { cause: error, retryAfterSeconds: 2 });
  const code = (error as { code?: unknown } | null)?.code;
  if (typeof code === 'string') {
    const known = fastifyProblems[code];
    if (known) return known();
    if (code === DISK_FULL) return new Problem('storage_full', { cause: error, retryAfterSeconds: 30 });
    if (UNSTORABLE_TEXT.has(code))
      return new Problem('invalid_request', {
        cause: error,
        detail: 'A text holds a character that cannot be stored.',
      });
    if (code === STACK_DEPTH) return new Problem('invalid_request', { cause: error, detail: TOO_DEEP });
    if (code === CANCELED) return new Problem('timeout', { cause: error });
    if (NOT_NOW.test(code) || NOT_NOW_SYSTEM.has(code))
      return new Problem('unavailable', { cause: error, retryAfterSeconds: 2 });
  }
  // node-postgres reports a connection that broke or could not be had by message only.
  const message = error instanceof Error ? error.message : '';
  if (
    /^(Connection terminated|timeout exceeded when trying to connect|Client has encountered a connection error)/.test(
      message,
    )
  )
    return new Problem('unavailable', { cause: error, retryAfterSeconds: 2 });
  return new Problem('internal', { cause: error });
}

const MAX_FIELD_ERRORS = 20;

/** Zod's issues as `errors: [{path, message}]`; bounded, since a hostile body can have thousands. */
export function validationProblem(error: z.ZodError): Problem {
  const errors = error.issues.slice(0, MAX_FIELD_ERRORS).flatMap((issue) => {
    const path = pathOf(issue.path);
    if (issue.code === 'unrecognized_keys')
      return issue.keys.slice(0, MAX_FIELD_ERRORS).map((key) => ({ path: join(path, key), message: 'unknown field' }));
    return [{ path, message: issue.message }];
  });
  return new Problem('invalid_request', { errors });
}

function pathOf(path: readonly PropertyKey[]): string {
  return path.reduce<string>(
    (text, part) => (typeof part === 'number' ? `${text}[${part}]` : join(text, String(part))),
    '',
  );
}
const join = (path: string, key: string): string => (path === '' ? key : `${path}.${key}`).slice(0, 200);
