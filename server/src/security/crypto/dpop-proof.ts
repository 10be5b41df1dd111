import { compactVerify, errors } from 'jose';
import { z } from 'zod';
import { headerOfJws, MalformedJwsError } from './compact-jws.ts';
import { algorithmOf, importPublicKey, publicKeyJwk, signingAlgorithms, thumbprintOf } from './signing-keys.ts';
import { tokenHash } from './tokens.ts';

// Proofs of possession (DPoP, RFC 9449): a client signs method, address, time and token of each request with a key of its own, and a token that is
// bound to this key is worth nothing to whoever copied only the token. The key comes with the proof and is trusted for nothing but being the one
// whose thumbprint the token carries.

const TYPE = 'dpop+jwt';
const MAX_PROOF_LENGTH = 2048;
/** Clocks differ, and messages take a while. */
const WINDOW_SECONDS = 60;
/** RFC 7518 and RFC 8037: what only the owner of a key has. A client that shows it has lost its key to everybody on the way. */
const PRIVATE_MEMBERS = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k'];

export const dpopAlgorithms = signingAlgorithms;

export interface ProofTarget {
  readonly method: string;
  /** As the client sees it, without query. */
  readonly url: string;
  /** The access token the proof goes with. */
  readonly accessToken?: string;
}

export interface DpopProof {
  /** RFC 7638 thumbprint of the key. */
  readonly thumbprint: string;
  /** SHA-256 of key and `jti`: nobody can use up another key's ids. */
  readonly hash: Buffer;
  /** Until then it could be shown again; milliseconds since the epoch. */
  readonly validUntil: number;
}

export type DpopProblem = 'malformed' | 'bad-signature' | 'another-request' | 'not-now' | 'another-key' | 'used';

/** For the log. The client is told that its proof is not valid. */
export class DpopProofError extends Error {
  override readonly name = 'DpopProofError';
  readonly problem: DpopProblem;

  constructor(problem: DpopProblem) {
    super(`a proof of possession was refused: ${problem}`);
    this.problem = problem;
  }
}

const header = z.strictObject({
  typ: z.literal(TYPE),
  alg: z.enum(dpopAlgorithms),
  jwk: z
    .record(z.string(), z.unknown())
    .refine((jwk) => !PRIVATE_MEMBERS.some((member) => Object.hasOwn(jwk, member)))
    .pipe(publicKeyJwk),
});

const claims = z.object({
  jti: z.string().min(1).max(256),
  htm: z.string().max(32),
  htu: z.url().max(1024),
  iat: z.number().min(0).max(253_402_300_799),
  ath: z.string().max(64).optional(),
});

/** Every check of RFC 9449, 4.3 but that the proof is shown for the first time. `now` in milliseconds since the epoch. */
export async function verifyDpopProof(text: string, target: ProofTarget, now: number): Promise<DpopProof> {
  const { jwk, alg } = parsed(header, readHeader(text));
  if (algorithmOf(jwk) !== alg) throw new DpopProofError('malformed');
  const { jti, htm, htu, iat, ath } = parsed(claims, await signedClaims(text, jwk));
  if (htm !== target.method || !isSameTarget(htu, target.url)) throw new DpopProofError('another-request');
  if (target.accessToken !== undefined && ath !== tokenHash(target.accessToken).toString('base64url'))
    throw new DpopProofError('another-request');
  if (Math.abs(iat * 1000 - now) > WINDOW_SECONDS * 1000) throw new DpopProofError('not-now');
  const thumbprint = await thumbprintOf(jwk);
  return {
    thumbprint,
    hash: tokenHash(`${thumbprint}.${jti}`),
    validUntil: (Math.ceil(iat) + WINDOW_SECONDS) * 1000,
  };
}

function readHeader(text: string): unknown {
  try {
    return headerOfJws(text, MAX_PROOF_LENGTH);
  } catch (error) {
    throw error instanceof MalformedJwsError ? new DpopProofError('malformed') : error;
  }
}

/** What the holder of the key signed. The algorithm is that of the key. */
async function signedClaims(text: string, jwk: z.output<typeof publicKeyJwk>): Promise<unknown> {
  try {
    const key = await importPublicKey(jwk);
    const { payload } = await compactVerify(text, key, { algorithms: [algorithmOf(jwk)] });
    return JSON.parse(Buffer.from(payload).toString());
  } catch (error) {
    if (error instanceof errors.JWSSignatureVerificationFailed) throw new DpopProofError('bad-signature');
    // Also a point that is not on its curve, which the import refuses in words of its own.
    throw new DpopProofError('malformed');
  }
}

function parsed<S extends z.ZodType>(schema: S, value: unknown): z.output<S> {
  const result = schema.safeParse(value);
  if (!result.success) throw new DpopProofError('malformed');
  return result.data;
}

/** RFC 9449, 4.3: without query and fragment, after normalising as RFC 3986, 6.2.2 and 6.2.3 have it. */
function isSameTarget(claimed: string, target: string): boolean {
  const [said, meant] = [new URL(claimed), new URL(target)];
  return (
    said.origin === meant.origin && said.pathname === meant.pathname && said.username === '' && said.password === ''
  );
}
