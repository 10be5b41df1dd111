import { oidcStart } from '@valtronics/contract';
import { endpointUrl } from '../api/endpoint-url.ts';

const longestNext = 500;

/** Where a link leads that leaves for a provider; `next` is the page to come back to, `fresh` makes the provider ask the person anew. */
export function providerStart(slug: string, next: string, fresh = false): string {
  // As an address bar would write it: the server takes visible ASCII.
  const { pathname, search } = new URL(next, window.location.origin);
  const path = pathname + search;
  return endpointUrl(
    oidcStart,
    { provider: slug },
    { next: path === '/' || path.length > longestNext ? undefined : path, fresh: fresh ? 'true' : undefined },
  );
}
