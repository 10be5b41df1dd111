import { z } from 'zod';
import { type BoundedCache, boundedCache } from '../../lib/bounded-cache.ts';
import type { Clock } from '../../lib/clock.ts';
import { parseJson } from '../../lib/json.ts';
import { Problem } from '../../lib/problem.ts';
import type { Outbound } from '../../platform/outbound/outbound.ts';
import { SignInRefusal } from './provider.ts';
import { MAX_ANSWER_BYTES, PROVIDER_TIMEOUT_MS } from './provider-fetch.ts';

/** What a provider may sign with: no "none", and nothing symmetric, for which our own client secret would be the key (RFC 8725, 3.1). */
const SIGNING_ALGORITHMS = ['RS256', 'PS256', 'ES256', 'EdDSA', 'Ed25519'];
/** Where a provider does not say, it is this (OpenID Connect Discovery 1.0, 3). */
const ASSUMED_ALGORITHMS = ['RS256'];
const METADATA_MS = 10 * 60_000;
const MAX_CACHED = 200;

const address = z.string().max(1_000);
const names = z.array(z.string().max(200)).max(500);
const published = z.object({
  issuer: z.string().max(500),
  authorization_endpoint: address,
  token_endpoint: address,
  jwks_uri: address,
  userinfo_endpoint: address.optional(),
  id_token_signing_alg_values_supported: names.default(ASSUMED_ALGORITHMS),
  token_endpoint_auth_methods_supported: names.default(['client_secret_basic']),
  authorization_response_iss_parameter_supported: z.boolean().default(false),
  scopes_supported: names.optional(),
});
export type ProviderMetadata = z.infer<typeof published>;

export interface MetadataSource {
  /** What the issuer says of itself, at most ten minutes old. */
  of(issuer: string): Promise<ProviderMetadata>;
  /** The same, asked now. */
  fresh(issuer: string): Promise<ProviderMetadata>;
}

export function createMetadataSource({ outbound, clock }: { outbound: Outbound; clock: Clock }): MetadataSource {
  const cache: BoundedCache<ProviderMetadata> = boundedCache(MAX_CACHED, clock);

  async function fresh(issuer: string): Promise<ProviderMetadata> {
    const answer = await outbound.ask({
      url: discoveryUrl(issuer),
      method: 'GET',
      headers: { accept: 'application/json' },
      maxBytes: MAX_ANSWER_BYTES,
      timeoutMs: PROVIDER_TIMEOUT_MS,
    });
    if (answer.status !== 200) throw untrusted(`discovery answered ${answer.status}`);
    const metadata = checked(issuer, answer.body);
    cache.set(issuer, metadata, clock.now() + METADATA_MS);
    return metadata;
  }

  return { fresh, of: async (issuer) => cache.get(issuer) ?? fresh(issuer) };
}

/** OpenID Connect Discovery 1.0, 4: a slash at the end of the issuer is left out here, and only here. */
const discoveryUrl = (issuer: string): string => `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`;

function checked(issuer: string, body: Buffer): ProviderMetadata {
  const metadata = published.safeParse(jsonOf(body));
  if (!metadata.success) throw untrusted('discovery document is incomplete');
  const { data } = metadata;
  // As text, character by character: a provider that names another issuer could have its tokens taken for the other's (ASVS 10.5.3).
  if (data.issuer !== issuer) throw untrusted('discovery document names another issuer');
  const algorithms = data.id_token_signing_alg_values_supported.filter((name) => SIGNING_ALGORITHMS.includes(name));
  if (algorithms.length === 0) throw untrusted('signs with no algorithm we accept');
  const isPlain = issuer.startsWith('http:');
  for (const text of [data.authorization_endpoint, data.token_endpoint, data.jwks_uri, data.userinfo_endpoint]) {
    if (text !== undefined && !isWebAddress(text, isPlain)) throw untrusted('an endpoint is not an https URL');
  }
  return { ...data, id_token_signing_alg_values_supported: algorithms };
}

/** Browsers are sent there, so no `javascript:`; and never from https to less. */
function isWebAddress(text: string, isPlainAllowed: boolean): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, username, password } = new URL(text);
  return (protocol === 'https:' || (protocol === 'http:' && isPlainAllowed)) && username === '' && password === '';
}

function jsonOf(body: Buffer): unknown {
  try {
    return parseJson(body);
  } catch (error) {
    if (error instanceof Problem) throw untrusted('discovery document is not JSON', error);
    throw error;
  }
}

const untrusted = (reason: string, cause?: unknown) =>
  new SignInRefusal('provider_answer_refused', reason, cause === undefined ? {} : { cause });
