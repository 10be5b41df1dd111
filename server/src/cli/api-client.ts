import http from 'node:http';
import https from 'node:https';
import { json, text } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import { type Endpoint, login, logout, mfaVerify, problemBody, refresh, type Tokens } from '@valtronics/contract';
import type { z } from 'zod';
import { CommandError } from './command-error.ts';

type ParamsOf<E> = E extends { readonly params: infer P extends z.ZodType } ? { params: z.input<P> } : unknown;
type QueryOf<E> = E extends { readonly query: infer Q extends z.ZodType }
  ? { query?: Partial<Record<keyof z.input<Q>, string | number>> }
  : unknown;
type BodyOf<E> = E extends { readonly body: infer B extends z.ZodType } ? { body: z.input<B> } : unknown;
type InputOf<E extends Endpoint> = ParamsOf<E> & QueryOf<E> & BodyOf<E>;
type ResultOf<E extends Endpoint> = E['response'] extends z.ZodType ? z.output<E['response']> : undefined;

export interface ServerAddress {
  /** `https://host:8000` */
  readonly url: string;
  /** PEM of the authority its certificate must come from; the system's own unless told. */
  readonly ca?: string | undefined;
}

export interface ApiClient {
  call<E extends Endpoint>(endpoint: E, input: InputOf<E>): Promise<ResultOf<E>>;
  /** Ends the session. */
  signOut(): Promise<void>;
}

export interface Credentials {
  readonly email: string;
  readonly password: string;
  /** What the authenticator shows, where the account has one. */
  readonly code?: string | undefined;
}

const ANSWER_WITHIN_MS = 30_000;
const MOST_PATIENCE_SECONDS = 60;
const TRIES = 6;

/** Signs in as a token client and calls the API as that person: what the contract allows them, and nothing else. */
export async function signIn(server: ServerAddress, credentials: Credentials): Promise<ApiClient> {
  const connection = createConnection(server);
  let tokens = await tokensFor(connection, credentials);
  let renewAt = renewalOf(tokens);
  let renewing: Promise<void> | undefined;

  async function renew(): Promise<void> {
    tokens = await connection.call(refresh, { body: { refreshToken: tokens.refreshToken } });
    renewAt = renewalOf(tokens);
  }

  return {
    async call(endpoint, input) {
      if (Date.now() >= renewAt) {
        renewing ??= renew().finally(() => {
          renewing = undefined;
        });
        await renewing;
      }
      return connection.call(endpoint, input, tokens.accessToken);
    },
    async signOut() {
      try {
        await connection.call(logout, { body: { refreshToken: tokens.refreshToken } });
      } finally {
        connection.close();
      }
    },
  };
}

async function tokensFor(connection: Connection, { email, password, code }: Credentials): Promise<Tokens> {
  const answer = await connection.call(login, { body: { email, password } });
  if (!('mfa' in answer)) return answer;
  const { challengeId, methods } = answer.mfa;
  if (!methods.includes('totp'))
    throw new CommandError('the account is opened with a passkey, which only a browser can do: use another one');
  if (code === undefined)
    throw new CommandError('the account has a second factor: give what your authenticator shows with --code');
  return connection.call(mfaVerify, { body: { challengeId, method: 'totp', code } });
}

/** Well before the access token ends: the clocks of the two sides need not agree to the second. */
const renewalOf = ({ expiresInSeconds }: Tokens): number => Date.now() + Math.max(1, expiresInSeconds * 0.7) * 1000;

type Connection = ReturnType<typeof createConnection>;

function createConnection(server: ServerAddress) {
  const base = new URL(server.url);
  const secure = base.protocol === 'https:';
  const agent = secure
    ? new https.Agent({ keepAlive: true, maxSockets: 4, ...(server.ca === undefined ? {} : { ca: server.ca }) })
    : new http.Agent({ keepAlive: true, maxSockets: 4 });

  function send(url: URL, method: string, body: string | undefined, token: string | undefined) {
    const { promise, resolve, reject } = Promise.withResolvers<http.IncomingMessage>();
    const request = (secure ? https : http).request(
      url,
      {
        method,
        agent,
        headers: {
          ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
          ...(body === undefined
            ? {}
            : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }),
        },
        signal: AbortSignal.timeout(ANSWER_WITHIN_MS),
      },
      resolve,
    );
    request.on('error', (error) => reject(unreachable(base, error)));
    request.end(body);
    return promise;
  }

  return {
    async call<E extends Endpoint>(endpoint: E, input: InputOf<E>, token?: string): Promise<ResultOf<E>> {
      const { params, query, body } = input as {
        params?: Record<string, string>;
        query?: Record<string, string | number | undefined>;
        body?: unknown;
      };
      const url = addressOf(base, endpoint, params, query);
      const payload = body === undefined ? undefined : JSON.stringify(body);
      for (let attempt = 1; ; attempt++) {
        const answer = await send(url, endpoint.method, payload, token);
        const status = answer.statusCode ?? 0;
        if (status >= 200 && status < 300) {
          if (typeof endpoint.response === 'string') {
            await text(answer);
            return undefined as ResultOf<E>;
          }
          return endpoint.response.parse(await json(answer)) as ResultOf<E>;
        }
        const patience = Number(answer.headers['retry-after']);
        const fault = await faultOf(answer, endpoint);
        if ((status !== 429 && status !== 503) || attempt >= TRIES || !(patience <= MOST_PATIENCE_SECONDS)) throw fault;
        await delay(patience * 1000);
      }
    },
    close: () => agent.destroy(),
  };
}

function addressOf(
  base: URL,
  endpoint: Endpoint,
  params: Record<string, string> = {},
  query: Record<string, string | number | undefined> = {},
): URL {
  const path = endpoint.path.replace(/\{(\w+)\}/g, (_, key: string) => encodeURIComponent(params[key] ?? ''));
  const url = new URL(`${endpoint.root ? '' : '/api/v1'}${path}`, base);
  for (const [key, value] of Object.entries(query)) if (value !== undefined) url.searchParams.set(key, String(value));
  return url;
}

async function faultOf(answer: http.IncomingMessage, endpoint: Endpoint): Promise<CommandError> {
  const problem = problemBody.safeParse(await json(answer).catch(() => undefined)).data;
  const asked = `${endpoint.method} ${endpoint.path}`;
  if (!problem) return new CommandError(`the server answered ${asked} with HTTP ${answer.statusCode}`);
  const fields = (problem.errors ?? []).map(({ path, message }) => `${path}: ${message}`);
  const said = [problem.title, problem.detail, ...fields].filter((part) => part !== undefined).join('; ');
  return new CommandError(`${said} (${asked}, request ${problem.requestId})`);
}

function unreachable(base: URL, error: Error): CommandError {
  const { code } = error as { code?: string };
  if (error.name === 'TimeoutError' || error.name === 'AbortError')
    return new CommandError(`${base.origin} did not answer within ${ANSWER_WITHIN_MS / 1000} s`);
  if (code === 'ECONNREFUSED') return new CommandError(`nothing listens on ${base.origin}: is the server running?`);
  if (code !== undefined && /CERT|SIGN|ISSUER/.test(code))
    return new CommandError(`the certificate of ${base.origin} is not trusted (${code}): name its authority with --ca`);
  return new CommandError(`${base.origin} cannot be reached: ${error.message}`);
}
