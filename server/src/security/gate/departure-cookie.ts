import { soleCookie } from './credential.ts';

/**
 * Binds a sign-in with a provider to the browser that began it (ASVS 10.1.2). SameSite=Lax and not Strict: the browser comes back by a
 * redirect from the provider's site, and a Strict cookie would stay at home exactly then. Lax goes along with top-level navigations
 * only, which is all that comes back; and the cookie alone opens nothing: it must meet the state of the same departure, which is good
 * once.
 */
const DEPARTURE_COOKIE = '__Host-valtronics-departure';
/** As long as a departure is good. */
export const DEPARTURE_SECONDS = 600;

export const departureCookie = (header: string | undefined): string | undefined =>
  header === undefined ? undefined : soleCookie(header, DEPARTURE_COOKIE);

export function departureCookieHeader(token: string | null): string {
  const age = token === null ? 0 : DEPARTURE_SECONDS;
  return `${DEPARTURE_COOKIE}=${token ?? ''}; Path=/; Max-Age=${age}; Secure; HttpOnly; SameSite=Lax`;
}
