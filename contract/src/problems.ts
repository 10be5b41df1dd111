import { z } from 'zod';

/** One table `code → status and title`; codes are public: add, never rename (RFC 9457). */
export const problems = {
  invalid_request: { status: 400, title: 'The request is not valid' },
  personal_data: { status: 400, title: 'This looks like personal data, which is not taken here' },
  invalid_dpop_proof: { status: 400, title: 'The proof of possession is not valid' },
  malformed_json: { status: 400, title: 'The body is not JSON' },
  not_authenticated: { status: 401, title: 'Sign in to do this' },
  invalid_credentials: { status: 401, title: 'Wrong email address or password' },
  invalid_factor: { status: 401, title: 'This proof is not good' },
  step_up_required: { status: 401, title: 'Confirm that it is you' },
  pending: { status: 403, title: 'Something has to be done first' },
  health_withheld: { status: 403, title: 'These are measurements of a person' },
  forbidden: { status: 403, title: 'You may not do this' },
  banned: { status: 403, title: 'Nothing is taken from this address' },
  blocked: { status: 403, title: 'This account or device is blocked' },
  recovery_needed: { status: 403, title: 'Too many wrong passwords were tried: reset the password to sign in' },
  origin_refused: { status: 403, title: 'The request does not come from this site' },
  request_blocked: { status: 403, title: 'The request looks like an attack' },
  not_found: { status: 404, title: 'There is nothing here' },
  request_timeout: { status: 408, title: 'The request took too long to arrive' },
  conflict: { status: 409, title: 'This is in conflict with what exists' },
  gone: { status: 410, title: 'This is no longer valid' },
  too_large: { status: 413, title: 'The body is too large' },
  unsupported_media_type: { status: 415, title: 'Send application/json' },
  headers_too_large: { status: 431, title: 'The headers are too large' },
  too_many_requests: { status: 429, title: 'Too many requests' },
  address_blocked: { status: 429, title: 'Nobody can sign in from this address now' },
  internal: { status: 500, title: 'Something went wrong on our side' },
  bad_gateway: { status: 502, title: 'The other side did not answer as expected' },
  unavailable: { status: 503, title: 'Not available right now' },
  overloaded: { status: 503, title: 'Too much work is waiting' },
  storage_full: { status: 503, title: 'The disk is nearly full; writes are refused' },
  timeout: { status: 504, title: 'It took too long' },
} as const satisfies Record<string, { status: number; title: string }>;

export type ProblemCode = keyof typeof problems;

export const fieldError = z.strictObject({ path: z.string(), message: z.string() });
export type FieldError = z.infer<typeof fieldError>;

/** The body of every error answer (`application/problem+json`). */
export const problemBody = z.strictObject({
  type: z.string(),
  title: z.string(),
  status: z.int(),
  code: z.enum(Object.keys(problems) as [ProblemCode, ...ProblemCode[]]),
  detail: z.string().optional(),
  requestId: z.string(),
  errors: z.array(fieldError).optional(),
});
export type ProblemBody = z.infer<typeof problemBody>;
