import { hash } from 'node:crypto';
import { errors, jwtVerify, SignJWT } from 'jose';
import { z } from 'zod';
import { boundedCache } from '../../lib/bounded-cache.ts';
import type { Clock } from '../../lib/clock.ts';
import { newId } from '../../lib/ids.ts';
import { headerTextOfJws, MalformedJwsError, readJwsHeader } from './compact-jws.ts';
import { type SigningKey, signingAlgorithms } from './signing-keys.ts';

// Access tokens: short-lived JWTs (RFC 9068), signed with ES256 or EdDSA. What makes them safe is what is not negotiable:
// - The algorithm is that of the key, never the token's word: `none`, or HS256 with our public key as the secret, cannot be asked for.
// - The header may hold alg, typ and kid only, so a token can bring no key of its own (jwk, jku, x5c, x5u) and no critical extension. The kid chooses
//   among our keys by exact match, after its shape was checked.
// - `typ: at+jwt`, issuer and audience keep tokens that we may sign for other purposes from being taken for access tokens.
// - One token has one spelling (`compact-jws.ts`).
// - A verified token is remembered by its SHA-256 until it expires, at most 10,000 of them; its key and times are checked again on every use, and
//   with its key it is forgotten.
// Revocation is not decided here: the caller compares session, family and authorisation version with the database's word.

const TYPE = 'at+jwt';
const MAX_TOKEN_LENGTH = 4096;
const MAX_REMEMBERED = 10_000;
const MAX_HEADERS = 16;
/** Servers' clocks may differ by this much. */
const CLOCK_TOLERANCE_SECONDS = 5;

export interface SigningKeys {
  /** The key that signs now. */
  active(): SigningKey;
  /** A key whose tokens are accepted: the active one, the next, or one being retired. */
  find(kid: string): SigningKey | undefined;
  /** The same, asking where the keys are kept if it is not known here. Costs little however often it is asked for nonsense. */
  lookUp(kid: string): Promise<SigningKey | undefined>;
  /** A key whose tokens were accepted is no more. */
  onRetired(listener: (kid: string) => void): void;
}

export interface AccessTokensOptions {
  readonly keys: SigningKeys;
  readonly issuer: string;
  readonly audience: string;
  readonly clock: Clock;
  readonly ttlSeconds: number;
}

/** Who a token speaks for, and the sign-in it belongs to: a browser's session or a client's refresh family. */
export type AccessTokenSubject = {
  readonly userId: string;
  readonly organisationId: number;
  readonly role: string;
  readonly authzVersion: number;
  /** RFC 7638 thumbprint of the client's key: the token is good with a proof of it only (RFC 9449, 6.1). */
  readonly dpopThumbprint?: string | undefined;
} & (
  | { readonly sessionId: string; readonly familyId?: undefined }
  | { readonly familyId: string; readonly sessionId?: undefined }
);

export type AccessClaims = AccessTokenSubject & {
  readonly tokenId: string;
  /** Milliseconds since the epoch. */
  readonly issuedAt: number;
  readonly expiresAt: number;
};

interface IssuedAccessToken {
  readonly token: string;
  readonly tokenId: string;
  readonly expiresInSeconds: number;
  readonly expiresAt: number;
}

export type AccessTokenProblem = 'malformed' | 'unknown-key' | 'bad-signature' | 'bad-claims' | 'expired';

/** For logs and counters. What a client is told is the same for all of them. */
export class AccessTokenError extends Error {
  override readonly name = 'AccessTokenError';
  readonly problem: AccessTokenProblem;

  constructor(problem: AccessTokenProblem) {
    super(`an access token was refused: ${problem}`);
    this.problem = problem;
  }
}

export interface AccessTokens {
  issue(subject: AccessTokenSubject): Promise<IssuedAccessToken>;
  verify(text: string): Promise<AccessClaims>;
}

const header = z.strictObject({
  alg: z.enum(signingAlgorithms),
  typ: z.literal(TYPE),
  kid: z.string().regex(/^[\w-]{1,64}$/),
});

const text = z.string().min(1).max(100);
const seconds = z.int().min(0).max(253_402_300_799);
const payload = z
  .strictObject({
    iss: text,
    aud: text,
    sub: text,
    org: z.int().min(0),
    role: text,
    av: z.int().min(0),
    sid: text.optional(),
    fam: text.optional(),
    jti: text,
    cnf: z.strictObject({ jkt: z.string().regex(/^[\w-]{43}$/) }).optional(),
    iat: seconds,
    nbf: seconds,
    exp: seconds,
  })
  .refine((claims) => (claims.sid === undefined) !== (claims.fam === undefined));

export function createAccessTokens({ keys, issuer, audience, clock, ttlSeconds }: AccessTokensOptions): AccessTokens {
  /** Headers of our keys by how they are spelt: all tokens of a key have the same, and reading it costs a tenth of the signature. */
  const headers = new Map<string, Pick<z.infer<typeof header>, 'kid' | 'alg'>>();
  const remembered = boundedCache<{ readonly claims: AccessClaims; readonly kid: string }>(MAX_REMEMBERED, clock);
  keys.onRetired((kid) => remembered.deleteWhere((token) => token.kid === kid));

  async function verifyFresh(token: string, name: string, key: SigningKey): Promise<AccessClaims> {
    const { payload: claims } = await jwtVerify(token, key.publicKey, {
      algorithms: [key.algorithm],
      typ: TYPE,
      issuer,
      audience,
      currentDate: clock.date(),
      clockTolerance: CLOCK_TOLERANCE_SECONDS,
      // Also makes jose refuse an iat in the future, and a token that lives longer than we ever issue.
      maxTokenAge: ttlSeconds,
      requiredClaims: ['sub', 'exp', 'nbf', 'iat', 'jti'],
    }).catch((error: unknown) => {
      throw refusalOf(error);
    });
    const parsed = payload.safeParse(claims);
    if (!parsed.success || parsed.data.exp - parsed.data.iat > ttlSeconds) throw new AccessTokenError('bad-claims');
    // Checking a signature takes a while, in which its key may have been retired.
    if (keys.find(key.kid) === undefined) throw new AccessTokenError('unknown-key');
    const result = toClaims(parsed.data);
    remembered.set(name, { claims: result, kid: key.kid }, result.expiresAt);
    return result;
  }

  return {
    async issue(subject) {
      const { kid, algorithm, privateKey } = keys.active();
      const issuedAt = Math.floor(clock.now() / 1000);
      const tokenId = newId();
      const token = await new SignJWT({
        org: subject.organisationId,
        role: subject.role,
        av: subject.authzVersion,
        ...(subject.sessionId === undefined ? { fam: subject.familyId } : { sid: subject.sessionId }),
        ...(subject.dpopThumbprint === undefined ? {} : { cnf: { jkt: subject.dpopThumbprint } }),
      })
        .setProtectedHeader({ alg: algorithm, typ: TYPE, kid })
        .setIssuer(issuer)
        .setAudience(audience)
        .setSubject(subject.userId)
        .setJti(tokenId)
        .setIssuedAt(issuedAt)
        .setNotBefore(issuedAt)
        .setExpirationTime(issuedAt + ttlSeconds)
        .sign(privateKey);
      return { token, tokenId, expiresInSeconds: ttlSeconds, expiresAt: (issuedAt + ttlSeconds) * 1000 };
    },

    async verify(token) {
      if (token.length > MAX_TOKEN_LENGTH) throw new AccessTokenError('malformed');
      const name = digest(token);
      const known = remembered.get(name);
      if (known !== undefined && keys.find(known.kid) !== undefined) return known.claims;
      const headerText = headerTextOf(token);
      const { kid, alg } = headers.get(headerText) ?? readHeader(headerText);
      const key = keys.find(kid) ?? (await keys.lookUp(kid));
      if (key === undefined) throw new AccessTokenError('unknown-key');
      if (key.algorithm !== alg) throw new AccessTokenError('malformed');
      if (headers.size >= MAX_HEADERS) headers.clear();
      headers.set(headerText, { kid, alg });
      return verifyFresh(token, name, key);
    },
  };
}

/** Checks everything about the text that needs neither key nor meaning. */
function headerTextOf(token: string): string {
  try {
    return headerTextOfJws(token, MAX_TOKEN_LENGTH);
  } catch (error) {
    throw malformedIf(error);
  }
}

function readHeader(text: string): z.infer<typeof header> {
  try {
    return header.parse(readJwsHeader(text));
  } catch (error) {
    throw malformedIf(error);
  }
}

const malformedIf = (error: unknown): unknown =>
  error instanceof MalformedJwsError || error instanceof z.ZodError ? new AccessTokenError('malformed') : error;

function toClaims(claims: z.infer<typeof payload>): AccessClaims {
  const common = {
    userId: claims.sub,
    organisationId: claims.org,
    role: claims.role,
    authzVersion: claims.av,
    tokenId: claims.jti,
    issuedAt: claims.iat * 1000,
    expiresAt: claims.exp * 1000,
    ...(claims.cnf === undefined ? {} : { dpopThumbprint: claims.cnf.jkt }),
  };
  // The schema has made sure that exactly one of the two is there.
  return Object.freeze(
    claims.sid === undefined ? { ...common, familyId: claims.fam ?? '' } : { ...common, sessionId: claims.sid },
  );
}

function refusalOf(error: unknown): unknown {
  if (error instanceof errors.JWTExpired) return new AccessTokenError('expired');
  if (error instanceof errors.JWTClaimValidationFailed) return new AccessTokenError('bad-claims');
  if (error instanceof errors.JWSSignatureVerificationFailed) return new AccessTokenError('bad-signature');
  return error instanceof errors.JOSEError ? new AccessTokenError('malformed') : error;
}

function digest(token: string): string {
  return hash('sha256', token, 'base64url');
}
