import type { IncomingHttpHeaders } from 'node:http';

/** `__Host-`: only over TLS, only this host, whole site, so no other host or path can plant it (RFC 6265bis). */
export const SESSION_COOKIE = '__Host-valtronics';

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

/** The session token in a Cookie header. Two of the name are refused: one of them is not ours. */
export function sessionCookie(header: string): string | undefined {
  const found = header
    .split(';', 100)
    .map((part) => part.trim())
    .filter((part) => part.startsWith(`${SESSION_COOKIE}=`));
  return found.length === 1 ? found[0]?.slice(SESSION_COOKIE.length + 1) : undefined;
}

export function sessionCookieHeader(token: string | null, maxAgeSeconds: number): string {
  const age = token === null ? 0 : maxAgeSeconds;
  return `${SESSION_COOKIE}=${token ?? ''}; Path=/; Max-Age=${age}; Secure; HttpOnly; SameSite=Strict`;
}
