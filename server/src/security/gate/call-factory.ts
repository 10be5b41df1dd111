import type { Endpoint } from '@valtronics/contract';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Principal } from '../access/principal.ts';
import type { AuditActor } from '../audit/audit-event.ts';
import type { AuditedTx, Reader } from '../audit/tokens.ts';
import type { Transactions } from '../audit/transactions.types.ts';
import { DEVICE_COOKIE_DAYS } from '../shield/guessing.ts';
import type { Call } from './call.ts';
import { deviceCookie, deviceCookieHeader, sessionCookieHeader } from './credential.ts';
import { departureCookie, departureCookieHeader } from './departure-cookie.ts';

const DEVICE_COOKIE_SECONDS = DEVICE_COOKIE_DAYS * 86_400;

export interface CallParts {
  readonly endpoint: Endpoint;
  readonly passage: {
    readonly address: string;
    readonly principal: Principal;
    /** Of the key the request proves, on endpoints that take a proof. */
    dpopThumbprint: string | null;
  };
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
  readonly transactions: Transactions;
  /** As long as a session lasts at most, since the browser forgets the cookie then. */
  readonly sessionCookieSeconds: number;
  readonly params: unknown;
  readonly query: unknown;
  readonly body: unknown;
}

/** What a handler is given. `write` knows the event from the contract, so a handler can neither forget nor choose it. */
export function makeCall(parts: CallParts): Call<Endpoint> {
  const { endpoint, passage, request, reply, transactions } = parts;
  const { principal, address } = passage;
  const organisationId = 'organisationId' in principal ? principal.organisationId : null;
  const fetchSite = request.headers['sec-fetch-site'];
  const viewers = 'viewers' in principal ? principal.viewers : undefined;
  const userAgent = request.headers['user-agent']?.slice(0, 300) ?? null;

  function audited<T>(
    who: { organisationId: number; actor: AuditActor },
    work: (tx: AuditedTx) => Promise<T>,
  ): Promise<T> {
    if (endpoint.audit.kind !== 'records')
      throw new Error(`${endpoint.path} declares no audit event, so it may not write`);
    return transactions.audited({ ...who, viewers, address, requestId: request.id }, endpoint.audit.event, work);
  }

  const call = {
    params: parts.params,
    query: parts.query,
    body: parts.body,
    principal,
    address,
    userAgent,
    deviceCookie: deviceCookie(request.headers.cookie),
    dpopThumbprint: passage.dpopThumbprint,
    requestId: request.id,
    read: <T>(work: (reader: Reader) => Promise<T>) => transactions.read({ organisationId, viewers }, work),
    write: <T>(work: (tx: AuditedTx) => Promise<T>) => {
      if (organisationId === null) throw new Error(`${endpoint.path} writes for nobody: use writeAs`);
      return audited({ organisationId, actor: actorOf(principal) }, work);
    },
    writeAs: audited,
    setSessionCookie(token: string | null) {
      reply.header('set-cookie', sessionCookieHeader(token, parts.sessionCookieSeconds));
    },
    setDeviceCookie(token: string) {
      reply.header('set-cookie', deviceCookieHeader(token, DEVICE_COOKIE_SECONDS));
    },
    departureCookie: departureCookie(request.headers.cookie),
    setDepartureCookie(token: string | null) {
      reply.header('set-cookie', departureCookieHeader(token));
    },
    fetchSite: typeof fetchSite === 'string' ? fetchSite : null,
  };
  // The types of `call.ts` narrow this by endpoint; here it serves all of them.
  return call as unknown as Call<Endpoint>;
}

export function actorOf(principal: Principal): AuditActor {
  if (principal.kind === 'user') return { kind: 'user', id: principal.userId, label: principal.email };
  if (principal.kind === 'apiKey') return { kind: 'api_key', id: principal.keyId, label: principal.label };
  if (principal.kind === 'device') return { kind: 'device', id: principal.deviceId, label: null };
  return { kind: 'anonymous', id: null, label: null };
}
