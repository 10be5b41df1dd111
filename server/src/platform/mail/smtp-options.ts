import { isLoopbackHost } from '../config/addresses.ts';
import type { Secret } from '../config/secret.ts';

/** How to speak to the mail server of a URL. `?requireTLS=true` insists on STARTTLS even on this machine. */
export function smtpOptions(smtpUrl: Secret, timeoutMs: number) {
  const url = new URL(smtpUrl.reveal());
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
  const isSecure = url.protocol === 'smtps:';
  const isLocal = isLoopbackHost(host);
  const user = decodeURIComponent(url.username);
  return {
    host,
    port: url.port === '' ? (isSecure ? 465 : 587) : Number(url.port),
    secure: isSecure,
    // Off loopback the peer is verified, always: mail carries what somebody measured, and the password of this account.
    requireTLS: !isSecure && (!isLocal || url.searchParams.get('requireTLS') === 'true'),
    tls: { rejectUnauthorized: !isLocal, minVersion: 'TLSv1.2' as const },
    ...(user === '' ? {} : { auth: { user, pass: decodeURIComponent(url.password) } }),
    connectionTimeout: timeoutMs,
    greetingTimeout: timeoutMs,
    socketTimeout: timeoutMs,
    dnsTimeout: timeoutMs,
  };
}
