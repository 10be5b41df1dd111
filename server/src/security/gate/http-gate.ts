import { type Access, type Endpoint, endpoints, type Rate, type RateClass, rates } from '@valtronics/contract';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { z } from 'zod';
import { parseJson } from '../../lib/json.ts';
import { Problem, problemBody, retryAfterSeconds } from '../../lib/problem.ts';
import type { AddressList } from '../../platform/config/addresses.ts';
import type { Secret } from '../../platform/config/secret.ts';
import type { Logger } from '../../platform/log/log.ts';
import type { Metrics } from '../../platform/metrics/metrics.ts';
import type { Authentication } from '../access/authentication.ts';
import { refusal } from '../access/decision.ts';
import { type DevicePrincipal, type Principal, principalKey } from '../access/principal.ts';
import type { Transactions } from '../audit/transactions.types.ts';
import { sameBytes, tokenHash } from '../crypto/tokens.ts';
import { addressKey, clientAddress } from '../shield/client-address.ts';
import { apiHeaders, strictTransport } from '../shield/headers.ts';
import type { Limiter } from '../shield/limiter.ts';
import type { Handler, RawAnswer } from './call.ts';
import { makeCall } from './call-factory.ts';
import { readCredential } from './credential.ts';
import type { BodyReader, EndpointGate } from './endpoint-gate.ts';
import { TOO_DEEP, toProblem, validationProblem } from './to-problem.ts';

export interface HttpGateOptions {
  readonly app: FastifyInstance;
  readonly transactions: Transactions;
  readonly authentication: Authentication;
  readonly limiter: Limiter;
  readonly publicOrigin: string;
  readonly trustedProxies: AddressList;
  readonly metricsToken: Secret | undefined;
  /** What a device may send, on all transports together. */
  readonly ingestRate: Rate;
  readonly log: Logger;
  readonly metrics: Metrics;
  /** Check every answer against its schema; for tests, since a wrong answer is our fault and no caller's. */
  readonly checkAnswers?: boolean;
}

export interface HttpGate extends EndpointGate {
  /** Files of the web interface: the one thing served that the contract does not name. */
  serveFallback(serve: (request: FastifyRequest, reply: FastifyReply) => boolean): void;
  /** Told of every request a device was let in with. Must return at once. */
  onDevice(listener: (device: DevicePrincipal) => void): void;
  /** Throws when an endpoint of the contract has no handler. */
  assertComplete(): void;
}

/** What the gate learns before the handler; kept beside the request, not on it, so nothing else can set it. */
interface Passage {
  readonly address: string;
  readonly principal: Principal;
}

const FROM_GATE = Symbol('route of the gate');
interface RouteConfig {
  readonly [FROM_GATE]?: true;
  readonly itemsCheckedIn?: string | undefined;
  readonly readBody?: BodyReader<unknown> | undefined;
}
/** What a handler's own reader made of a body: the schema has nothing to say about it any more. */
class ReadBody {
  readonly value: unknown;
  constructor(value: unknown) {
    this.value = value;
  }
}
const WRITES = new Set(['POST', 'PUT', 'PATCH', 'DELETE']);
const SETS_COOKIE = new Set(['/auth/session', '/auth/invitations/accept']);
/** A refused credential costs the address this many of its coarse allowance, so guessing slows itself down. */
const REFUSAL_COST = 20;
const PUSH_BACK_LOG: Rate = { perSecond: 0.2, burst: 5 };

/**
 * The one door for HTTP. Order: address → coarse limit → authentication → principal's limit → access → origin → (body is read) → parse →
 * validation → handler. Everything before the body runs in `onRequest`, so a stranger cannot make us read a megabyte.
 */
export function createHttpGate(options: HttpGateOptions): HttpGate {
  const { app, authentication, limiter, publicOrigin, trustedProxies, log, metrics } = options;
  const passages = new WeakMap<FastifyRequest, Passage>();
  const handled = new Set<Endpoint>();
  const deviceListeners: ((device: DevicePrincipal) => void)[] = [];
  let fallback: (request: FastifyRequest, reply: FastifyReply) => boolean = () => false;

  app.removeAllContentTypeParsers();
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (request, body, done) => {
    try {
      const { itemsCheckedIn, readBody } = request.routeOptions.config as RouteConfig;
      const read = readBody?.(body as Buffer);
      done(null, read === undefined ? parseJson(body as Buffer, { itemsCheckedIn }) : new ReadBody(read));
    } catch (error) {
      done(error as Error);
    }
  });
  app.addHook('onRoute', (route) => {
    // A route added around the gate has no policy; the server must not start with one.
    if (!(route.config as RouteConfig | undefined)?.[FROM_GATE])
      throw new Error(`${String(route.method)} ${route.url} was added around the gate`);
  });
  const headers = Object.entries({ ...apiHeaders(), ...strictTransport(new URL(publicOrigin)) });
  app.addHook('onSend', (_request, reply, payload, done) => {
    for (const [name, value] of headers) if (!reply.hasHeader(name)) reply.header(name, value);
    done(null, payload);
  });
  app.addHook('onResponse', (request, reply, done) => {
    metrics.httpAnswered(request.routeOptions.url ?? 'unmatched', reply.statusCode, reply.elapsedTime / 1_000);
    done();
  });
  app.setErrorHandler((error, request, reply) => {
    // A sender that hung up in the middle of its body is no fault of ours.
    const brokeOff = error === request.raw.errored;
    const problem = brokeOff ? new Problem('malformed_json', { detail: 'The body broke off.' }) : toProblem(error);
    return sendProblem(problem, request, reply);
  });
  // As a hook and not as the handler, so that no body is read for what does not exist.
  app.addHook('onRequest', async (request, reply) => {
    if (!request.is404) return;
    throttleAddress(addressOf(request));
    const isRead = request.method === 'GET' || request.method === 'HEAD';
    if (!(isRead && fallback(request, reply))) sendProblem(new Problem('not_found'), request, reply);
    return reply;
  });

  const addressOf = (request: FastifyRequest): string =>
    clientAddress(request.socket.remoteAddress, request.headers['x-forwarded-for'], trustedProxies);

  function spend(key: string, rate: { perSecond: number; burst: number }, cost = 1): void {
    const answer = limiter.take(key, rate, cost);
    if (answer.ok) return;
    metrics.gateRefused('http', 'too_many_requests');
    throw new Problem('too_many_requests', { retryAfterSeconds: answer.retryAfterSeconds });
  }
  function throttleAddress(address: string, cost = 1): void {
    spend(`coarse:${addressKey(address)}`, rates.coarseAddress, cost);
  }

  function spendForClass(rateClass: RateClass, principal: Principal, address: string): void {
    if (rateClass === 'none') return;
    const key = principalKey(principal);
    if (rateClass === 'login') spend(`login:${addressKey(address)}`, rates.loginAddress);
    else if (key === undefined) spend(`api:${addressKey(address)}`, rates.apiAddress);
    else if (rateClass === 'ingest' && principal.kind === 'device') spend(`ingest:${key}`, options.ingestRate);
    else spend(`api:${key}`, rates.apiPrincipal);
  }

  async function authenticate(
    request: FastifyRequest,
    access: Access,
  ): Promise<{ principal: Principal; refused: boolean }> {
    const credential = readCredential(request.headers);
    if (credential === undefined) return { principal: { kind: 'anonymous' }, refused: false };
    if (credential.kind === 'malformed') return { principal: { kind: 'anonymous' }, refused: true };
    if (credential.kind === 'bearer' && options.metricsToken && isScraper(credential.token, options.metricsToken))
      return { principal: { kind: 'scraper' }, refused: false };
    // An open endpoint asks nobody who they are: a stale cookie must not cost a look-up nor get in the way of signing in.
    if (access.kind === 'open') return { principal: { kind: 'anonymous' }, refused: false };
    const principal =
      credential.kind === 'bearer'
        ? await authentication.bearer(credential.token)
        : await authentication.session(credential.token);
    return principal ? { principal, refused: false } : { principal: { kind: 'anonymous' }, refused: true };
  }

  async function letIn(endpoint: Endpoint, request: FastifyRequest): Promise<void> {
    const address = addressOf(request);
    throttleAddress(address);
    const { principal, refused } = await authenticate(request, endpoint.access);
    if (refused) throttleAddress(address, REFUSAL_COST);
    spendForClass(endpoint.rate, principal, address);
    const problem = mayScrape(endpoint, principal) ? undefined : refusal(endpoint.access, principal);
    if (problem) {
      metrics.gateRefused('http', problem.code);
      log.warn(
        {
          event: 'access.refused',
          status: problem.status,
          route: endpoint.path,
          address,
          principal: principalKey(principal),
        },
        'a request was refused',
      );
      throw problem;
    }
    // The browser sends the cookie on its own accord, so a write must also come from our own pages (RFC 6454 origin). So must what
    // sets the cookie: nobody is to be signed in as somebody else by another site.
    const byCookie = principal.kind === 'user' && principal.via === 'cookie';
    if ((byCookie || SETS_COOKIE.has(endpoint.path)) && WRITES.has(endpoint.method)) {
      if (request.headers.origin !== publicOrigin) {
        metrics.gateRefused('http', 'origin_refused');
        throw new Problem('origin_refused');
      }
    }
    if (principal.kind === 'device') for (const listener of deviceListeners) listener(principal);
    passages.set(request, { address, principal });
  }

  async function serve(endpoint: Endpoint, handler: Handler<Endpoint>, request: FastifyRequest, reply: FastifyReply) {
    const passage = passages.get(request);
    if (!passage) throw new Error('a request came past the gate');
    const call = makeCall({
      endpoint,
      passage,
      request,
      reply,
      transactions: options.transactions,
      params: parsed(endpoint.params, request.params),
      query: parsed(endpoint.query, request.query),
      body: request.body instanceof ReadBody ? request.body.value : parsed(endpoint.body, request.body),
    });
    const answer = await handler(call);
    reply.status(endpoint.status ?? 200);
    if (endpoint.response === 'empty') return reply.send();
    if (endpoint.response === 'raw') {
      const raw = answer as unknown as RawAnswer;
      for (const [name, value] of Object.entries(raw.headers ?? {})) reply.header(name, value);
      return reply.type(raw.contentType).send(raw.body);
    }
    if (options.checkAnswers) endpoint.response.parse(answer);
    return reply.type('application/json; charset=utf-8').send(JSON.stringify(answer));
  }

  /** Saying "not now" is what we do under load: a line tells of it, a line for each would be a load of its own. */
  function tellPushBack(problem: Problem, requestId: string): void {
    if (!limiter.take(`log:${problem.code}`, PUSH_BACK_LOG).ok) return;
    const reason = problem.cause instanceof Error ? problem.cause.message : undefined;
    log.warn({ problem: problem.code, reason, requestId }, problem.message);
  }

  function sendProblem(problem: Problem, request: FastifyRequest, reply: FastifyReply) {
    if (problem.status === 503) tellPushBack(problem, request.id);
    else if (problem.status >= 500)
      log.error({ err: problem.cause ?? problem, requestId: request.id }, problem.message);
    const retryAfter = retryAfterSeconds(problem);
    if (retryAfter !== undefined) reply.header('retry-after', String(retryAfter));
    if (problem.status === 401) reply.header('www-authenticate', 'Bearer');
    // As bytes: of a text Fastify would say its charset, a parameter this media type does not have (RFC 9457, 6.1).
    const body = Buffer.from(JSON.stringify(problemBody(problem, request.id)));
    return reply.status(problem.status).header('content-type', 'application/problem+json').send(body);
  }

  return {
    handle(endpoint, handler, readBody) {
      if (handled.has(endpoint)) throw new Error(`${endpoint.method} ${endpoint.path} is handled twice`);
      handled.add(endpoint);
      app.route({
        method: endpoint.method,
        url: urlOf(endpoint),
        bodyLimit: endpoint.bodyLimit ?? 65_536,
        config: {
          [FROM_GATE]: true,
          itemsCheckedIn: endpoint.itemsCheckedIn,
          readBody,
        } satisfies RouteConfig as object,
        onRequest: (request) => letIn(endpoint, request),
        handler: (request, reply) => serve(endpoint, handler as unknown as Handler<Endpoint>, request, reply),
      });
    },
    serveFallback(serveFile) {
      fallback = serveFile;
    },
    onDevice(listener) {
      deviceListeners.push(listener);
    },
    assertComplete() {
      const missing = Object.entries(endpoints).filter(([, endpoint]) => !handled.has(endpoint));
      if (missing.length > 0) throw new Error(`no handler for ${missing.map(([name]) => name).join(', ')}`);
    },
  };
}

/** `/devices/{id}` of the contract as Fastify writes it, below `/api/v1` unless it belongs to the root. */
export const urlOf = (endpoint: Endpoint): string =>
  `${endpoint.root ? '' : '/api/v1'}${endpoint.path.replaceAll(/\{(\w+)\}/g, ':$1')}`;

const mayScrape = (endpoint: Endpoint, principal: Principal): boolean =>
  principal.kind === 'scraper' && endpoint.path === '/metrics';

function isScraper(token: string, expected: Secret): boolean {
  return sameBytes(tokenHash(token), tokenHash(expected.reveal()));
}

function parsed(schema: z.ZodType | undefined, value: unknown): unknown {
  if (schema === undefined) return undefined;
  const result = safely(schema, value ?? {});
  if (!result.success) throw validationProblem(result.error);
  return result.data;
}

/** A schema of any JSON follows the value as deep as it goes, which can be deeper than the stack. */
function safely(schema: z.ZodType, value: unknown) {
  try {
    return schema.safeParse(value);
  } catch (error) {
    if (error instanceof RangeError) throw new Problem('invalid_request', { cause: error, detail: TOO_DEEP });
    throw error;
  }
}
