import type { FastifyRequest } from 'fastify';
import { Problem } from '../../lib/problem.ts';
import type { Metrics } from '../../platform/metrics/metrics.ts';
import type { Authentication } from '../access/authentication.ts';
import { type DpopProblem, DpopProofError, dpopAlgorithms, type ProofTarget } from '../crypto/dpop-proof.ts';

// What DPoP (RFC 9449) looks like on HTTP: the request a proof is for, and what is answered.

const algs = `algs="${dpopAlgorithms.join(' ')}"`;

/** For whoever showed nothing: both ways of showing a token. */
export const challenge = `Bearer, DPoP ${algs}`;

export interface ShownProof extends ProofTarget {
  /** The header as it came. Two headers come as one text with a comma, which is no proof. */
  readonly proof: string | undefined;
}

/** The address is ours as the world knows it, whatever the request says of its host. */
export function shownProof({ method, headers, raw }: FastifyRequest, publicOrigin: string): ShownProof {
  const [path = ''] = (raw.url ?? '').split('?', 1);
  const { dpop } = headers;
  return { method, url: `${publicOrigin}${path}`, proof: typeof dpop === 'string' ? dpop : undefined };
}

const words = {
  invalid_token: 'This token is not good with this key.',
  invalid_dpop_proof: 'The proof in the DPoP header is not valid for this request.',
  bound_token: 'This token is bound to a key: show it with the DPoP scheme and a proof.',
  unbound_token: 'Tokens must be bound to a key here: sign in again with a proof (DPoP).',
  bound_api_key:
    'This API key is good on a connection with its own certificate only, or with none if it is bound to none.',
} as const;

/** RFC 9449, 7.1. */
export function refusedToken(why: keyof typeof words): Problem {
  const error = why === 'invalid_dpop_proof' ? why : 'invalid_token';
  return new Problem('not_authenticated', {
    detail: words[why],
    challenge: `DPoP error="${error}", error_description="${words[why]}", ${algs}`,
  });
}

const reasons: Readonly<Record<DpopProblem, string>> = {
  malformed: 'The DPoP header holds no proof that is understood here.',
  'bad-signature': 'The proof is not signed with its key.',
  'another-request': 'The proof is for another request.',
  'not-now': 'The proof is too old or too new: look at the clock.',
  'another-key': 'The proof is of another key.',
  used: 'The proof was used before.',
};

/**
 * RFC 9449, 5: the key a client proves where tokens are given out. What is wrong with a proof its sender made is theirs to know.
 */
export function createProofTaking(options: {
  readonly authentication: Pick<Authentication, 'proofOf'>;
  readonly publicOrigin: string;
  readonly metrics: Pick<Metrics, 'gateRefused'>;
}) {
  return async (request: FastifyRequest): Promise<string> => {
    try {
      return await options.authentication.proofOf(shownProof(request, options.publicOrigin));
    } catch (error) {
      if (!(error instanceof DpopProofError)) throw error;
      options.metrics.gateRefused('http', 'invalid_dpop_proof');
      throw new Problem('invalid_dpop_proof', { detail: reasons[error.problem] });
    }
  };
}
