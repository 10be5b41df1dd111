import type { IncomingHttpHeaders } from 'node:http';

/** `__Host-`: only over TLS, only this host, whole site, so no other host or path can plant it (RFC 6265bis). */
export const SESSION_COOKIE = '__Host-valtronics';

export type Credential =
  | { readonly kind: 'bearer'; readonly token: string }
  | { readonly kind: 'cookie'; readonly token: string }
  | { readonly kind: 'malformed' };

const MAX_BEARER = 4_096;

/** The credential a request carries. An Authorization header wins over the cookie: it was put there on purpose. */
export function readCredential(headers: IncomingHttpHeaders): Credential | undefined {
  const { authorization, cookie } = headers;
  if (authorization !== undefined) {
    const token = /^Bearer ([A-Za-z0-9._~+/=-]+)$/i.exec(authorization)?.[1];
    return token === undefined || token.length > MAX_BEARER ? { kind: 'malformed' } : { kind: 'bearer', token };
  }
  const token = cookie === undefined ? undefined : sessionCookie(cookie);
  return token === undefined ? undefined : { kind: 'cookie', token };
}

/** The session token in a Cookie header. Two of the name are refused: one of them is not ours. */
export const sessionCookie = (header: string): string | undefined => soleCookie(header, SESSION_COOKIE);

export function soleCookie(header: string, name: string): string | undefined {
  const found = header
    .split(';', 100)
    .map((part) => part.trim())
    .filter((part) => part.startsWith(`${name}=`));
  return found.length === 1 ? found[0]?.slice(name.length + 1) : undefined;
}

export function sessionCookieHeader(token: string | null, maxAgeSeconds: number): string {
  const age = token === null ? 0 : maxAgeSeconds;
  return `${SESSION_COOKIE}=${token ?? ''}; Path=/; Max-Age=${age}; Secure; HttpOnly; SameSite=Strict`;
}
