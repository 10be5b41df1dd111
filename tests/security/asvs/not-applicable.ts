const NO_XML =
  'Nothing reads or writes XML, LDAP or XPath; bodies are JSON, or one form (server/src/security/gate/form-body.ts).';
const NO_NATIVE =
  'All code is TypeScript on a garbage-collected runtime; there is no code of ours that manages memory.';
const NO_MARKUP = 'No field takes markup, images, style sheets or templates; what people write is shown as text.';
const NO_FILES =
  'No endpoint takes a file: bodies are JSON, or one form, and every other content type is refused with 415.';
const NO_GRAPHQL = 'There is no GraphQL: every endpoint is declared in contract/src.';
const NO_HTTP2 =
  'HTTP/1.1 only: server/src/platform/http/http-server.ts uses node:https, which does not negotiate HTTP/2 or 3.';
const NO_AUTHORIZATION_SERVER =
  'We give tokens to our own sign-in only. There is no authorization endpoint, no consent, no registered client and no redirect of ours ' +
  '(contract/src/identity.ts), so no grant or scope could be given to anybody else.';
const NO_MEDIA = 'There is no WebRTC, no media server and no TURN.';
const LIVE_CREDENTIALS =
  'A live connection is proven with the session cookie, or with the access token or key that HTTP takes; it has no tokens of its own ' +
  '(server/src/security/gate/stream-admission.ts).';
const DEPLOYMENT = 'Decided where the platform is deployed, by the certificate and the name its operator gives it.';

/** Why there is nothing here a requirement could apply to. A reason can be checked by reading what it names. */
export const notApplicable: Readonly<Record<string, string>> = {
  '1.2.6': NO_XML,
  '1.2.7': NO_XML,
  '1.2.8': 'Nothing is typeset; there is no LaTeX.',
  '1.3.1': NO_MARKUP,
  '1.3.4': NO_MARKUP,
  '1.3.5': NO_MARKUP,
  '1.3.8': 'There is no Java and no JNDI.',
  '1.3.9': 'There is no memcache.',
  '1.4.1': NO_NATIVE,
  '1.4.3': NO_NATIVE,
  '1.5.1': NO_XML,
  '3.5.4': 'There is one application on one origin; nothing else of ours could share its host.',
  '3.5.5': 'No page of ours listens to postMessage.',
  '3.7.4': DEPLOYMENT,
  '4.2.3': NO_HTTP2,
  '4.2.4': NO_HTTP2,
  '4.3.1': NO_GRAPHQL,
  '4.3.2': NO_GRAPHQL,
  '4.4.3': LIVE_CREDENTIALS,
  '4.4.4': LIVE_CREDENTIALS,
  '5.1.1': NO_FILES,
  '5.2.1': NO_FILES,
  '5.2.2': NO_FILES,
  '5.2.3': NO_FILES,
  '5.2.4': NO_FILES,
  '5.2.5': NO_FILES,
  '5.2.6': NO_FILES,
  '5.3.1': NO_FILES,
  '5.3.3': NO_FILES,
  '5.4.1': 'No answer has a file name: exports are made in the browser (web/src/ui/csv.ts).',
  '5.4.2': 'No answer has a file name: exports are made in the browser (web/src/ui/csv.ts).',
  '5.4.3': NO_FILES,
  '6.5.7': 'Biometry never reaches us: a passkey uses it inside the authenticator, together with the key it holds.',
  '6.6.4': 'There are no push notifications to approve.',
  '6.8.3': 'There is no SAML; providers speak OpenID Connect.',
  '10.4.1': NO_AUTHORIZATION_SERVER,
  '10.4.2': NO_AUTHORIZATION_SERVER,
  '10.4.3': NO_AUTHORIZATION_SERVER,
  '10.4.4': NO_AUTHORIZATION_SERVER,
  '10.4.6': NO_AUTHORIZATION_SERVER,
  '10.4.7': NO_AUTHORIZATION_SERVER,
  '10.4.10': NO_AUTHORIZATION_SERVER,
  '10.4.11': NO_AUTHORIZATION_SERVER,
  '10.4.12': NO_AUTHORIZATION_SERVER,
  '10.4.13': NO_AUTHORIZATION_SERVER,
  '10.4.15': NO_AUTHORIZATION_SERVER,
  '10.4.16': NO_AUTHORIZATION_SERVER,
  '10.6.1': NO_AUTHORIZATION_SERVER,
  '10.6.2': NO_AUTHORIZATION_SERVER,
  '10.7.1': NO_AUTHORIZATION_SERVER,
  '10.7.2': NO_AUTHORIZATION_SERVER,
  '10.7.3': NO_AUTHORIZATION_SERVER,
  '11.3.5':
    'No cipher is combined with a MAC of ours: sealing is AES-256-GCM (server/src/security/crypto/sealed-value.ts).',
  '12.1.4': DEPLOYMENT,
  '12.1.5': DEPLOYMENT,
  '12.2.2': DEPLOYMENT,
  '12.3.3': 'There are no internal HTTP services: one server process, and PostgreSQL with a protocol of its own.',
  '14.2.8': NO_FILES,
  '17.1.1': NO_MEDIA,
  '17.1.2': NO_MEDIA,
  '17.2.1': NO_MEDIA,
  '17.2.2': NO_MEDIA,
  '17.2.3': NO_MEDIA,
  '17.2.4': NO_MEDIA,
  '17.2.5': NO_MEDIA,
  '17.2.6': NO_MEDIA,
  '17.2.7': NO_MEDIA,
  '17.2.8': NO_MEDIA,
  '17.3.1': NO_MEDIA,
  '17.3.2': NO_MEDIA,
};
