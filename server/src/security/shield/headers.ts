import { randomBytes } from 'node:crypto';
import { isIP } from 'node:net';

export type SecurityHeaders = Readonly<Record<string, string>>;

// Two years, as the preload lists ask.
const STRICT_TRANSPORT = 'max-age=63072000; includeSubDomains';

const everywhere = {
  'x-content-type-options': 'nosniff',
  // For browsers that do not know frame-ancestors.
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  // Everything we load is our own, so asking every resource for its consent costs nothing and isolates the page's process.
  'cross-origin-embedder-policy': 'require-corp',
  'origin-agent-cluster': '?1',
  'x-permitted-cross-domain-policies': 'none',
  // Passkeys need the two publickey-credentials features; no page of ours needs anything else.
  'permissions-policy': [
    'accelerometer=()',
    'autoplay=()',
    'camera=()',
    'display-capture=()',
    'encrypted-media=()',
    'fullscreen=(self)',
    'geolocation=()',
    'gyroscope=()',
    'magnetometer=()',
    'microphone=()',
    'midi=()',
    'payment=()',
    'picture-in-picture=()',
    'publickey-credentials-create=(self)',
    'publickey-credentials-get=(self)',
    'screen-wake-lock=(self)',
    'serial=()',
    'usb=()',
    'xr-spatial-tracking=()',
  ].join(', '),
} as const;

// Nothing in such an answer may run, load, or be framed, should a browser ever be talked into showing it as a page.
const INERT_POLICY = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; sandbox";

const api: SecurityHeaders = Object.freeze({
  ...everywhere,
  'content-security-policy': INERT_POLICY,
  'cache-control': 'no-store',
});

const asset: SecurityHeaders = Object.freeze({ ...everywhere, 'content-security-policy': INERT_POLICY });

/**
 * HTTPS for ever, for a host of its own. It holds for a host name on every port, so a server that people try out on their own machine
 * would break whatever else they run on localhost; for an IP address and over plain HTTP browsers ignore it (RFC 6797, 8.1).
 */
export function strictTransport(publicUrl: URL): SecurityHeaders {
  const host = publicUrl.hostname.replace(/^\[|\]$/g, '').replace(/\.$/, '');
  const isShared = host === 'localhost' || host.endsWith('.localhost') || isIP(host) !== 0;
  return publicUrl.protocol !== 'https:' || isShared ? {} : { 'strict-transport-security': STRICT_TRANSPORT };
}

/** For every answer that is not a page or one of its files: JSON, problems, exports, metrics. */
export function apiHeaders(): SecurityHeaders {
  return api;
}

/** For the files of the web interface. Their `cache-control` is the caller's: names with a content hash may be kept for ever. */
export function assetHeaders(): SecurityHeaders {
  return asset;
}

/**
 * For a page. Scripts come from our own origin only, never inline, so injected markup cannot run; styles written by the component
 * library carry the nonce. `'self'` in connect-src covers the WebSocket of the same host.
 */
export function htmlHeaders(nonce: string): SecurityHeaders {
  if (!NONCE.test(nonce)) throw new RangeError('not a nonce');
  return {
    ...everywhere,
    'content-security-policy': [
      "default-src 'none'",
      "script-src 'self'",
      `style-src 'self' 'nonce-${nonce}'`,
      "img-src 'self' data:",
      "font-src 'self'",
      "connect-src 'self'",
      "base-uri 'none'",
      "form-action 'self'",
      "frame-ancestors 'none'",
    ].join('; '),
    // The nonce must be fresh for each answer, and a page may say who is signed in.
    'cache-control': 'no-store',
  };
}

const NONCE = /^[A-Za-z0-9_-]{22,64}$/;

/** A nonce for one page: 128 random bits. */
export function newNonce(): string {
  return randomBytes(16).toString('base64url');
}
