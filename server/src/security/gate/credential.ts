import type { IncomingHttpHeaders } from 'node:http';

/** `__Host-`: only over TLS, only this host, whole site, so no other host or path can plant it (RFC 6265bis). */
export const SESSION_COOKIE = '__Host-valtronics';

/** Of a browser its account's owner has signed in with. No credential: it only says which counters of failed sign-ins hold. */
export const DEVICE_COOKIE = '__Host-valtronics-device';

/** How CrowdSec's bouncers say who they are. */
export const BOUNCER_KEY = 'x-api-key';

export type Credential =
  | { readonly kind: 'bearer'; readonly token: string }
  | { readonly kind: 'dpop'; readonly token: string }
  | { readonly kind: 'cookie'; readonly token: string }
  | { readonly kind: 'malformed' };

const BEARER = 'Bearer';
const MAX_BEARER = 4_096;

/** The credential a request carries. An Authorization header wins over the cookie: it was put there on purpose. */
export function readCredential(headers: IncomingHttpHeaders): Credential | undefined {
  const { authorization, cookie } = headers;
  if (authorization !== undefined) {
    const [, scheme, token] = /^(Bearer|DPoP) ([A-Za-z0-9._~+/=-]+)$/i.exec(authorization) ?? [];
    if (scheme === undefined || token === undefined || token.length > MAX_BEARER) return { kind: 'malformed' };
    return { kind: scheme.length === BEARER.length ? 'bearer' : 'dpop', token };
  }
  const token = cookie === undefined ? undefined : sessionCookie(cookie);
  return token === undefined ? undefined : { kind: 'cookie', token };
}

/** The session token in a Cookie header. */
export const sessionCookie = (header: string): string | undefined => soleCookie(header, SESSION_COOKIE);

export const deviceCookie = (header: string | undefined): string | undefined =>
  header === undefined ? undefined : soleCookie(header, DEVICE_COOKIE);

/** Two of the name are refused: one of them is not ours. */
export function soleCookie(header: string, name: string): string | undefined {
  const found = header
    .split(';', 100)
    .map((part) => part.trim())
    .filter((part) => part.startsWith(`${name}=`));
  return found.length === 1 ? found[0]?.slice(name.length + 1) : undefined;
}

export const sessionCookieHeader = (token: string | null, maxAgeSeconds: number): string =>
  cookieHeader(SESSION_COOKIE, token ?? '', token === null ? 0 : maxAgeSeconds);

export const deviceCookieHeader = (token: string, maxAgeSeconds: number): string =>
  cookieHeader(DEVICE_COOKIE, token, maxAgeSeconds);

const cookieHeader = (name: string, value: string, maxAgeSeconds: number): string =>
  `${name}=${value}; Path=/; Max-Age=${maxAgeSeconds}; Secure; HttpOnly; SameSite=Strict`;
