import { OutboundError } from './outbound-error.ts';

/** What went wrong between us and a target, in words for whoever configured it. */
const words: Readonly<Record<string, string>> = {
  ENOTFOUND: 'the name of the target does not resolve',
  ECONNREFUSED: 'nobody listens at the target',
  ECONNRESET: 'the target broke the connection off',
  EPIPE: 'the target broke the connection off',
  EHOSTUNREACH: 'no way leads to the target',
  ENETUNREACH: 'no way leads to the target',
  ERR_TLS_CERT_ALTNAME_INVALID: 'the certificate of the target is for another name',
  CERT_HAS_EXPIRED: 'the certificate of the target has expired',
  CERT_NOT_YET_VALID: 'the certificate of the target is not valid yet',
  CERT_REVOKED: 'the certificate of the target was revoked',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'the certificate of the target is signed by nobody we trust but itself',
  SELF_SIGNED_CERT_IN_CHAIN: 'the certificate of the target is signed by an authority we do not trust',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'the certificate of the target is signed by an authority we do not trust',
  UNABLE_TO_GET_ISSUER_CERT: 'the certificate of the target is signed by an authority we do not trust',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'the certificate of the target is signed by an authority we do not trust',
  ERR_SSL_WRONG_VERSION_NUMBER: 'the target does not speak TLS',
  ERR_SSL_PACKET_LENGTH_TOO_LONG: 'the target does not speak TLS',
  ERR_SSL_UNSUPPORTED_PROTOCOL: 'the target speaks no TLS from 1.2 on',
  ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION: 'the target speaks no TLS from 1.2 on',
  ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED: 'the target wants to see a client certificate',
  ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE: 'the target refused the handshake, perhaps for want of a client certificate',
  ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE: 'the target refused our client certificate',
  ERR_SSL_SSLV3_ALERT_CERTIFICATE_UNKNOWN: 'the target refused our client certificate',
  ERR_SSL_SSLV3_ALERT_CERTIFICATE_EXPIRED: 'the target finds that our client certificate has expired',
  ERR_SSL_TLSV1_ALERT_UNKNOWN_CA: 'the target does not know the authority of our client certificate',
  ERR_SSL_TLSV1_ALERT_ACCESS_DENIED: 'the target refused our client certificate',
};

/** As an OutboundError with our own words: those of the library could tell what stands in our network. */
export function connectionFault(error: unknown): OutboundError {
  if (error instanceof OutboundError) return error;
  const code = codeOf(error);
  const text = words[code] ?? 'the target cannot be reached';
  return new OutboundError('unreachable', `${text} (${code})`, { cause: error });
}

function codeOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return typeof code === 'string' && /^[A-Z0-9_]{1,60}$/.test(code) ? code : 'no answer';
}
