import { Readable } from 'node:stream';
import { type Endpoint, endpoints, rates } from '@valtronics/contract';
import type { FastifyReply, FastifyRequest, RouteOptions } from 'fastify';
import { parseJson } from '../../lib/json.ts';
import { Problem } from '../../lib/problem.ts';
import { refusal } from '../access/decision.ts';
import { type DevicePrincipal, type Principal, principalKey } from '../access/principal.ts';
import { apiHeaders, strictTransport } from '../shield/headers.ts';
import type { Handler, RawAnswer } from './call.ts';
import { type CallParts, makeCall } from './call-factory.ts';
import { isBehind } from './certificate-doors.ts';
import { countedStream } from './counted-stream.ts';
import { createProofTaking } from './dpop.ts';
import { urlOf } from './endpoint-url.ts';
import { mustBeSearchable } from './enforceable.ts';
import { withForms } from './form-body.ts';
import { type Authenticated, createHttpAuthentication } from './http-authentication.ts';
import { createHttpBlocks } from './http-blocks.ts';
import { type Caller, createHttpCallers } from './http-callers.ts';
import { hasUnknownFraming } from './http-framing.ts';
import type { HttpGate, HttpGateOptions } from './http-gate.types.ts';
import { createHttpInspection } from './http-inspection.ts';
import { createHttpPersonalData } from './http-personal-data.ts';
import { allowanceOf } from './http-rates.ts';
import { BULK_BYTES, createHttpReports } from './http-reports.ts';
import { parsed } from './parsed.ts';
import { recordRead } from './record-read.ts';
import { FROM_GATE, ReadBody, type RouteConfig } from './route-config.ts';
import { createProblemSender } from './send-problem.ts';
import { shownAnswer } from './shown-answer.ts';
import { toProblem } from './to-problem.ts';

/** What the gate learns before the handler, under names that nothing else has. */
const PASSAGE = Symbol('passage of the gate');
const KNOWN = Symbol('who it is, whether let in or not');
const CAME_AT = Symbol('when the head of the request was read');
interface Request extends FastifyRequest {
  [PASSAGE]: CallParts['passage'] | null;
  [KNOWN]: Principal | null;
  [CAME_AT]: number;
}

const WRITES = new Set(['POST', 'PUT', 'PATCH', 'DELETE']);
/** A refused credential costs the address this many of its coarse allowance, so guessing slows itself down. */
const REFUSAL_COST = 20;

/**
 * The one door for HTTP. Order: address → coarse limit → blocks → authentication → principal's limit → inspection of the head → access → origin → (body is
 * read) → parse → inspection → validation → personal data → handler. Everything before the body runs in `onRequest`, so a stranger cannot
 * make us read a megabyte.
 */
export function createHttpGate(options: HttpGateOptions): HttpGate {
  const { app, limiter, publicOrigin, log, metrics } = options;
  const blocked = createHttpBlocks(options);
  const callerOf = createHttpCallers(options.trustedProxies, options.certificateOf);
  const authenticate = createHttpAuthentication(options.authentication, options.metricsToken, publicOrigin);
  const takeProof = createProofTaking(options);
  const reports = createHttpReports({ events: options.events, callerOf, clock: options.clock });
  const inspection = createHttpInspection({ ...options, callerOf });
  const withoutPersonalData = createHttpPersonalData(options.personalData);
  const sendProblem = createProblemSender({
    limiter,
    log,
    told: (problem, request) => reports.refused(problem, request, (request as Request)[KNOWN] ?? undefined),
  });
  const handled = new Set<Endpoint>();
  const deviceListeners: ((device: DevicePrincipal) => void)[] = [];
  let fallback: Parameters<HttpGate['serveFallback']>[0] = () => false;

  app.removeAllContentTypeParsers();
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (request, body, done) => {
    const bytes = body as Buffer;
    try {
      const { itemsCheckedIn, readBody } = request.routeOptions.config as RouteConfig;
      const read = readBody?.(bytes);
      if (read !== undefined) return done(null, new ReadBody(read));
      inspection.bytes(request, bytes);
      done(null, parseJson(bytes, { itemsCheckedIn }));
    } catch (error) {
      inspection.unreadable(request, bytes, (request as Request)[KNOWN] ?? undefined);
      done(error as Error);
    }
  });
  app.addHook('onRoute', (route) => {
    // A route added around the gate has no policy; the server must not start with one.
    if (!(route.config as RouteConfig | undefined)?.[FROM_GATE])
      throw new Error(`${String(route.method)} ${route.url} was added around the gate`);
  });
  const headers = Object.entries({ ...apiHeaders(), ...strictTransport(new URL(publicOrigin)) });
  app.addHook('onSend', (request, reply, payload, done) => {
    for (const [name, value] of headers) if (!reply.hasHeader(name)) reply.header(name, value);
    const seconds = (performance.now() - (request as Request)[CAME_AT]) / 1_000;
    metrics.httpAnswered(request.routeOptions.url ?? 'unmatched', reply.statusCode, seconds);
    done(null, payload);
  });
  app.setErrorHandler((error, request, reply) => {
    // A sender that hung up in the middle of its body is no fault of ours.
    const brokeOff = error === request.raw.errored;
    const problem = brokeOff ? new Problem('malformed_json', { detail: 'The body broke off.' }) : toProblem(error);
    return sendProblem(problem, request, reply);
  });
  app.decorateRequest(PASSAGE, null).decorateRequest(KNOWN, null).decorateRequest(CAME_AT, 0);
  app.addHook('onRequest', (request, reply, done) => {
    (request as Request)[CAME_AT] = performance.now();
    if (hasUnknownFraming(request)) {
      // The parser has its own word on it and ends the connection; an answer of ours before that would be one too many.
      reply.header('connection', 'close');
      setImmediate(done, new Problem('invalid_request', { detail: 'No transfer coding but "chunked" is known here.' }));
      return;
    }
    if (!request.is404) return done();
    // As a hook and not as the handler, so that no body is read for what does not exist.
    const caller = callerOf(request);
    throttle(caller);
    const banned = blocked.banAt(caller.address);
    if (banned) return sendProblem(banned, request, reply);
    const isAttack = inspection.isAttackOnNothing(request);
    const isRead = request.method === 'GET' || request.method === 'HEAD';
    const served = !caller.certificate && !isAttack && isRead && fallback(request, reply);
    if (served === 'page') reports.page(request);
    else if (!served) sendProblem(new Problem('not_found'), request, reply);
  });

  function spend(key: string, rate: { perSecond: number; burst: number }, cost = 1): void {
    const answer = limiter.take(key, rate, cost);
    if (answer.ok) return;
    metrics.gateRefused('http', 'too_many_requests');
    throw new Problem('too_many_requests', { retryAfterSeconds: answer.retryAfterSeconds });
  }
  function throttle({ addressKey }: Caller, cost = 1): void {
    spend(`coarse:${addressKey}`, rates.coarseAddress, cost);
  }

  /** Says that it is done, or when it will be; waiting for what is known already would cost more than all the rest of this. */
  function letIn(endpoint: Endpoint, request: FastifyRequest, done: () => void): Promise<void> | undefined {
    const caller = callerOf(request);
    throttle(caller);
    const turnedAway = blocked.beforeCredentials(endpoint, request, caller.address);
    if (turnedAway) return turnedAway;
    if (caller.certificate && !isBehind(caller.certificate, endpoint.access)) throw new Problem('not_found');
    const who = authenticate(request, endpoint.access, caller);
    if (endpoint.dpop && (options.dpopRequired || request.headers.dpop !== undefined))
      return letInWithProof(endpoint, request, caller, who);
    if (who instanceof Promise) return who.then((known) => void admit(endpoint, request, caller, known));
    admit(endpoint, request, caller, who);
    done();
    return undefined;
  }

  /** The proof last: its signature costs us something, and being taken uses it up. */
  async function letInWithProof(
    endpoint: Endpoint,
    request: FastifyRequest,
    caller: Caller,
    who: Authenticated | Promise<Authenticated>,
  ): Promise<void> {
    admit(endpoint, request, caller, await who).dpopThumbprint = await takeProof(request);
  }

  function admit(endpoint: Endpoint, request: FastifyRequest, caller: Caller, known: Authenticated) {
    const { principal, refused } = known;
    (request as Request)[KNOWN] = principal;
    if (refused) throttle(caller, REFUSAL_COST);
    const block = refused ? blocked.refusalAt(caller.address) : undefined;
    if (block) throw block;
    const blockedItself = blocked.refusalOf(principal);
    if (blockedItself) throw blockedItself;
    const allowance = allowanceOf(endpoint.rate, principal, caller.addressKey, options.ingestRate);
    if (allowance) spend(...allowance);
    inspection.head(endpoint, request, principal);
    const scrapes = principal.kind === 'scraper' && endpoint.path === '/metrics';
    const problem = scrapes ? undefined : (known.problem ?? refusal(endpoint.access, principal, options.clock.now()));
    if (problem) {
      metrics.gateRefused('http', problem.code);
      log.warn(
        {
          event: 'access.refused',
          status: problem.status,
          route: endpoint.path,
          address: caller.address,
          principal: principalKey(principal),
        },
        'a request was refused',
      );
      throw problem;
    }
    // The browser sends the cookie on its own accord, so a write must also come from our own pages (RFC 6454 origin). So must what
    // signs in: nobody is to be signed in as somebody else by another site. A token is sent by no browser on its own accord.
    const byCookie = principal.kind === 'user' && principal.via === 'cookie';
    const signsIn = endpoint.setsCookie && endpoint.access.kind === 'open';
    if ((byCookie || signsIn) && WRITES.has(endpoint.method)) {
      if (request.headers.origin !== publicOrigin) {
        metrics.gateRefused('http', 'origin_refused');
        throw new Problem('origin_refused');
      }
    }
    options.places.seen(principal, caller.address, 'http');
    options.unparsed.letIn(request, principal);
    if (principal.kind === 'device') for (const listener of deviceListeners) listener(principal);
    const passage: CallParts['passage'] = { address: caller.address, principal, dpopThumbprint: null };
    (request as Request)[PASSAGE] = passage;
    return passage;
  }

  async function serve(endpoint: Endpoint, handler: Handler<Endpoint>, request: FastifyRequest, reply: FastifyReply) {
    const passage = (request as Request)[PASSAGE];
    if (!passage) throw new Error('a request came past the gate');
    // What a reader of its own made of a body is numbers, names and times; nothing else gets through it.
    const read = request.body instanceof ReadBody ? request.body : undefined;
    if (!read) {
      inspection.body(endpoint, request, passage.principal);
      await inspection.again(endpoint, request, passage.principal);
    }
    const body = read
      ? read.value
      : await withoutPersonalData(endpoint, parsed(endpoint.body, request.body), { request, reply, ...passage });
    const call = makeCall({
      endpoint,
      passage,
      request,
      reply,
      transactions: options.transactions,
      sessionCookieSeconds: options.sessionCookieSeconds,
      params: parsed(endpoint.params, request.params),
      query: parsed(endpoint.query, request.query),
      body,
    });
    const answer = await handler(call);
    await recordRead(options.recordReading, endpoint, passage, request, call);
    reply.status(endpoint.status ?? 200);
    if (endpoint.response === 'empty') {
      reply.send();
      return;
    }
    if (endpoint.response === 'redirect') {
      reply
        .status(302)
        .header('location', answer as unknown as string)
        .send();
      return;
    }
    if (endpoint.response === 'raw') {
      const raw = answer as unknown as RawAnswer;
      for (const [name, value] of Object.entries(raw.headers ?? {})) reply.header(name, value);
      const counted = (bytes: number): void => reports.served(bytes, request, passage.principal);
      if (typeof raw.body === 'string' || Buffer.isBuffer(raw.body)) counted(raw.body.length);
      // The reply itself, since a stream goes on after this.
      return reply
        .type(raw.contentType)
        .send(raw.body instanceof Readable ? countedStream(raw.body, BULK_BYTES, counted) : raw.body);
    }
    const text = shownAnswer(endpoint.response, answer, passage.principal, Boolean(options.checkAnswers));
    reports.served(text.length, request, passage.principal);
    reply.type('application/json; charset=utf-8').send(text);
  }

  return {
    handle(endpoint, handler, readBody) {
      mustBeSearchable(endpoint);
      if (handled.has(endpoint)) throw new Error(`${endpoint.method} ${endpoint.path} is handled twice`);
      handled.add(endpoint);
      const route: RouteOptions = {
        method: endpoint.method,
        url: urlOf(endpoint),
        bodyLimit: endpoint.bodyLimit ?? 65_536,
        config: {
          [FROM_GATE]: true,
          itemsCheckedIn: endpoint.itemsCheckedIn,
          readBody,
        } satisfies RouteConfig as object,
        onRequest: (request, _reply, done) => letIn(endpoint, request, done),
        handler: (request, reply) => serve(endpoint, handler as unknown as Handler<Endpoint>, request, reply),
      };
      if (endpoint.form) withForms(app, (forms) => forms.route(route));
      else app.route(route);
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
