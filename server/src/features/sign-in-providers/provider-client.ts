import * as oidc from 'openid-client';
import { type BoundedCache, boundedCache } from '../../lib/bounded-cache.ts';
import type { Clock } from '../../lib/clock.ts';
import type { Outbound } from '../../platform/outbound/outbound.ts';
import type { DataKeys } from '../../security/keys/data-keys.ts';
import type { ProviderWithSecret } from './provider.repository.ts';
import { clientSecretPlace } from './provider.ts';
import { PROVIDER_TIMEOUT_MS, providerFetch } from './provider-fetch.ts';
import type { MetadataSource, ProviderMetadata } from './provider-metadata.ts';

const MAX_CACHED_KEYS = 200;
/** As long as the library itself would believe in them. */
const KEYS_MS = 5 * 60_000;
/** Clocks of two servers differ by no more (RFC 7519, 4.1.4: "usually no more than a few minutes"). */
export const CLOCK_TOLERANCE_SECONDS = 30;

type KeyCache = NonNullable<ReturnType<typeof oidc.getJwksCache>>;

export interface ProviderClient {
  readonly configuration: oidc.Configuration;
  readonly metadata: ProviderMetadata;
  /** Keeps the keys that were fetched on the way for the next sign-in. */
  keepKeys(): void;
}

/** The library as a client of one provider, with our way out and our clock. */
export function createProviderClients(deps: {
  metadata: MetadataSource;
  outbound: Outbound;
  dataKeys: Pick<DataKeys, 'open'>;
  clock: Clock;
}) {
  const { outbound, dataKeys, clock } = deps;
  const keys: BoundedCache<KeyCache> = boundedCache(MAX_CACHED_KEYS, clock);
  const fetch = providerFetch(outbound);

  return async (provider: ProviderWithSecret): Promise<ProviderClient> => {
    const metadata = await deps.metadata.of(provider.issuer);
    const place = clientSecretPlace(provider.organisationId, provider.id);
    const secret = (await dataKeys.open(provider.secretSealed, place)).toString('utf8');
    const configuration = new oidc.Configuration(
      serverMetadata(metadata),
      provider.clientId,
      {
        [oidc.clockSkew]: Math.round((clock.now() - Date.now()) / 1_000),
        [oidc.clockTolerance]: CLOCK_TOLERANCE_SECONDS,
      },
      clientAuthentication(metadata, secret),
    );
    configuration[oidc.customFetch] = fetch;
    configuration.timeout = PROVIDER_TIMEOUT_MS / 1_000;
    // Whether plain HTTP may be is decided by the policy for outgoing requests, which knows what the host's owner allowed.
    if (provider.issuer.startsWith('http:')) oidc.allowInsecureRequests(configuration);
    // The library would trust the TLS connection the ID token came by. We want its signature checked always (ASVS 6.8.2).
    oidc.enableNonRepudiationChecks(configuration);
    const keysOf = `${provider.id} ${metadata.jwks_uri}`;
    const known = keys.get(keysOf);
    if (known) oidc.setJwksCache(configuration, known);
    return {
      configuration,
      metadata,
      keepKeys() {
        const fetched = oidc.getJwksCache(configuration);
        if (fetched) keys.set(keysOf, fetched, clock.now() + KEYS_MS);
      },
    };
  };
}

/** What the library needs, and nothing else a provider may have published. */
const serverMetadata = (metadata: ProviderMetadata): oidc.ServerMetadata => ({
  issuer: metadata.issuer,
  authorization_endpoint: metadata.authorization_endpoint,
  token_endpoint: metadata.token_endpoint,
  jwks_uri: metadata.jwks_uri,
  ...(metadata.userinfo_endpoint === undefined ? {} : { userinfo_endpoint: metadata.userinfo_endpoint }),
  id_token_signing_alg_values_supported: metadata.id_token_signing_alg_values_supported,
  authorization_response_iss_parameter_supported: metadata.authorization_response_iss_parameter_supported,
});

function clientAuthentication(metadata: ProviderMetadata, secret: string): oidc.ClientAuth {
  const known = metadata.token_endpoint_auth_methods_supported;
  const wantsPost = !known.includes('client_secret_basic') && known.includes('client_secret_post');
  return wantsPost ? oidc.ClientSecretPost(secret) : oidc.ClientSecretBasic(secret);
}
