import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type CryptoKey, exportJWK, generateKeyPair, type JWTPayload, SignJWT } from 'jose';

/** A provider that says whatever a test wants it to. */
export interface HostileProvider {
  readonly issuer: string;
  readonly clientId: string;
  readonly clientSecret: string;
  readonly keys: { readonly own: SigningKey; readonly second: SigningKey; readonly unpublished: SigningKey };
  /** What an honest provider would say; tests change it. */
  metadata: Record<string, unknown>;
  /** Answers instead of the usual one. */
  answers: { [path: string]: ((request: IncomingMessage, response: ServerResponse) => void) | undefined };
  /** The ID token the next exchange gets. */
  idToken: string | undefined;
  userinfo: Record<string, unknown>;
  /** Bodies the token endpoint was sent. */
  readonly exchanges: URLSearchParams[];
  /** Requests, by path. */
  readonly asked: string[];
  /** Honest claims for a nonce. */
  claims(nonce: string, changes?: Record<string, unknown>): JWTPayload;
  sign(claims: JWTPayload, options?: { key?: SigningKey; kid?: string; typ?: string }): Promise<string>;
  /** Behaves again. */
  reset(): void;
  close(): void;
}

export interface SigningKey {
  readonly kid: string;
  readonly privateKey: CryptoKey;
  readonly publicJwk: Record<string, unknown>;
}

async function aKey(kid: string): Promise<SigningKey> {
  const { privateKey, publicKey } = await generateKeyPair('ES256', { extractable: true });
  return { kid, privateKey, publicJwk: { ...(await exportJWK(publicKey)), kid, alg: 'ES256', use: 'sig' } };
}

export async function aHostileProvider(now: () => number, clientId = 'valtronics'): Promise<HostileProvider> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const keys = { own: await aKey('own'), second: await aKey('second'), unpublished: await aKey('unpublished') };
  const honest = {
    issuer,
    authorization_endpoint: `${issuer}/authorize`,
    token_endpoint: `${issuer}/token`,
    jwks_uri: `${issuer}/jwks`,
    userinfo_endpoint: `${issuer}/userinfo`,
    id_token_signing_alg_values_supported: ['ES256'],
    authorization_response_iss_parameter_supported: true,
  };
  const seconds = () => Math.floor(now() / 1_000);

  server.on('request', async (request, response) => {
    const path = new URL(request.url ?? '/', issuer).pathname;
    provider.asked.push(path);
    const json = (value: unknown) =>
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(value));
    if (path === '/token') {
      let body = '';
      for await (const chunk of request) body += String(chunk);
      provider.exchanges.push(new URLSearchParams(body));
    }
    const special = provider.answers[path];
    if (special) special(request, response);
    else if (path === '/.well-known/openid-configuration') json(provider.metadata);
    else if (path === '/jwks') json({ keys: [keys.own.publicJwk, keys.second.publicJwk] });
    else if (path === '/token')
      json({ access_token: 'access', token_type: 'Bearer', id_token: provider.idToken, expires_in: 60 });
    else if (path === '/userinfo') json(provider.userinfo);
    else response.writeHead(404).end();
  });

  const provider: HostileProvider = {
    issuer,
    clientId,
    clientSecret: 'a-secret-of-the-client-of-the-hostile-provider',
    keys,
    metadata: honest,
    answers: {},
    idToken: undefined,
    userinfo: {},
    exchanges: [],
    asked: [],
    claims: (nonce, changes = {}) => {
      const claims: Record<string, unknown> = {
        iss: issuer,
        sub: 'subject-1',
        aud: clientId,
        iat: seconds(),
        exp: seconds() + 300,
        nonce,
        email: 'person@example.org',
        email_verified: true,
        ...changes,
      };
      return Object.fromEntries(Object.entries(claims).filter(([, value]) => value !== undefined));
    },
    sign: (claims, { key = keys.own, kid = key.kid, typ } = {}) =>
      new SignJWT(claims)
        .setProtectedHeader({ alg: 'ES256', kid, ...(typ === undefined ? {} : { typ }) })
        .sign(key.privateKey),
    reset() {
      provider.metadata = honest;
      provider.answers = {};
      provider.userinfo = {};
      provider.exchanges.length = 0;
      provider.asked.length = 0;
    },
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
  return provider;
}
