import { errors, type JWTVerifyGetKey, jwtVerify } from 'jose';
import { z } from 'zod';
import type { Clock } from '../../lib/clock.ts';
import { CLOCK_TOLERANCE_SECONDS } from './provider-client.ts';
import type { ProviderMetadata } from './provider-metadata.ts';

/** The one event that makes a token a logout token (OpenID Connect Back-Channel Logout 1.0, 2.4). */
const LOGOUT_EVENT = 'http://schemas.openid.net/event/backchannel-logout';
/** Recommended there, and by ASVS 10.5.5: two minutes. */
const MAX_AGE_SECONDS = 120;

const claims = z.object({
  jti: z.string().min(1).max(255),
  exp: z.number(),
  sub: z.string().min(1).max(255).optional(),
  sid: z.string().min(1).max(255).optional(),
  events: z.record(z.string(), z.unknown()),
});

export interface LogoutToken {
  readonly id: string;
  readonly expiresAt: Date;
  readonly subject: string | undefined;
  readonly providerSession: string | undefined;
}

/**
 * Who signed out at the provider, or the reason why the token is none. Type, event and the forbidden nonce keep every other token of the
 * provider, first of all its ID tokens, from ending sessions (ASVS 10.5.5).
 */
export async function readLogoutToken(
  token: string,
  expected: { metadata: ProviderMetadata; clientId: string; keys: JWTVerifyGetKey; clock: Clock },
): Promise<LogoutToken | { readonly fault: string }> {
  const { metadata, clientId, keys, clock } = expected;
  try {
    const { payload } = await jwtVerify(token, keys, {
      typ: 'logout+jwt',
      algorithms: metadata.id_token_signing_alg_values_supported,
      issuer: metadata.issuer,
      audience: clientId,
      requiredClaims: ['iat', 'exp', 'jti'],
      maxTokenAge: MAX_AGE_SECONDS,
      clockTolerance: CLOCK_TOLERANCE_SECONDS,
      currentDate: clock.date(),
    });
    if ('nonce' in payload) return { fault: 'a logout token has no nonce' };
    const said = claims.safeParse(payload);
    if (!said.success) return { fault: 'a claim is missing or of the wrong type' };
    const { jti, exp, sub, sid, events } = said.data;
    const event = events[LOGOUT_EVENT];
    if (typeof event !== 'object' || event === null || Array.isArray(event)) return { fault: 'no logout event' };
    if (sub === undefined && sid === undefined) return { fault: 'names neither a person nor a session' };
    return { id: jti, expiresAt: new Date(exp * 1_000), subject: sub, providerSession: sid };
  } catch (error) {
    if (error instanceof errors.JOSEError) return { fault: error.code };
    throw error;
  }
}
