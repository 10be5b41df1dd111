import type { CustomFetch } from 'openid-client';
import type { Outbound } from '../../platform/outbound/outbound.ts';
import { OutboundError } from '../../platform/outbound/outbound-error.ts';

/** Of one answer of a provider; large ones publish about 30 KiB of keys. */
export const MAX_ANSWER_BYTES = 262_144;
/** A person waits for it. */
export const PROVIDER_TIMEOUT_MS = 5_000;

/** What libraries fetch from a provider goes the one way out: to public addresses only, pinned, without redirects, within bounds. */
export function providerFetch(outbound: Outbound): CustomFetch {
  return async (url, { method, headers, body, signal }) => {
    if (method !== 'GET' && method !== 'POST') throw new OutboundError('refused', `${method} is not sent`);
    const answer = await outbound.ask({
      url,
      method,
      headers,
      body: body === undefined || body === null ? undefined : String(body),
      maxBytes: MAX_ANSWER_BYTES,
      timeoutMs: PROVIDER_TIMEOUT_MS,
      signal,
    });
    if (answer.status >= 500) throw new OutboundError('bad_answer', `the provider answered ${answer.status}`);
    return new Response(answer.body.length === 0 ? null : answer.body, {
      status: answer.status,
      headers: answer.contentType === undefined ? {} : { 'content-type': answer.contentType },
    });
  };
}
