import type { identityProviderTest } from '@valtronics/contract';
import { z } from 'zod';
import { parseJson } from '../../lib/json.ts';
import type { Outbound } from '../../platform/outbound/outbound.ts';
import { scopesOf } from './departure.service.ts';
import { type Provider, SignInRefusal } from './provider.ts';
import { MAX_ANSWER_BYTES, PROVIDER_TIMEOUT_MS } from './provider-fetch.ts';
import type { MetadataSource } from './provider-metadata.ts';
import { problemOf } from './provider-problem.ts';

const keySet = z.object({ keys: z.array(z.object({ kty: z.string() })).max(1_000) });

/** Asks a provider what it is, for whoever sets it up. */
export function createProviderProbe({ metadata, outbound }: { metadata: MetadataSource; outbound: Outbound }) {
  async function countKeys(url: string): Promise<number> {
    const answer = await outbound.ask({
      url,
      method: 'GET',
      headers: { accept: 'application/json' },
      maxBytes: MAX_ANSWER_BYTES,
      timeoutMs: PROVIDER_TIMEOUT_MS,
    });
    const keys = answer.status === 200 ? keySet.safeParse(parseJson(answer.body)) : undefined;
    if (!keys?.success) throw new SignInRefusal('provider_answer_refused', 'its keys cannot be read');
    return keys.data.keys.filter(({ kty }) => kty !== 'oct').length;
  }

  return async (provider: Provider): Promise<z.infer<typeof identityProviderTest.response>> => {
    try {
      const found = await metadata.fresh(provider.issuer);
      const known = found.scopes_supported;
      return {
        authorizationEndpoint: found.authorization_endpoint,
        tokenEndpoint: found.token_endpoint,
        userinfoEndpoint: found.userinfo_endpoint ?? null,
        signingAlgorithms: found.id_token_signing_alg_values_supported,
        keys: await countKeys(found.jwks_uri),
        namesItselfInAnswers: found.authorization_response_iss_parameter_supported,
        scopesNotSupported: known ? scopesOf(provider).filter((scope) => !known.includes(scope)) : [],
      };
    } catch (error) {
      throw problemOf(error, true);
    }
  };
}
