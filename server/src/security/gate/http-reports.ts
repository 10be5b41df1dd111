import type { ProblemCode, SecurityAction } from '@valtronics/contract';
import type { FastifyRequest } from 'fastify';
import { boundedCache } from '../../lib/bounded-cache.ts';
import type { Clock } from '../../lib/clock.ts';
import type { Problem } from '../../lib/problem.ts';
import { type Principal, principalKey } from '../access/principal.ts';
import type { SecurityEvents } from '../events/security-event.ts';
import { browserMark } from './browser-mark.ts';
import { readCredential } from './credential.ts';
import type { Caller } from './http-callers.ts';
import { whoOf } from './reported-principal.ts';

/**
 * What a refusal is called. What is missing here is no news about security: what is due first, a conflict, a fault of ours. A wrong password
 * or code is in the audit log and comes from there, with the account it was about.
 */
const actions: Partial<Record<ProblemCode, SecurityAction>> = {
  not_authenticated: 'access.refused',
  invalid_dpop_proof: 'credential.refused',
  forbidden: 'access.refused',
  recovery_needed: 'credential.refused',
  origin_refused: 'origin.refused',
  not_found: 'resource.missing',
  too_many_requests: 'rate.exceeded',
  address_blocked: 'block.enforced',
  banned: 'block.enforced',
  blocked: 'block.enforced',
  invalid_request: 'request.malformed',
  malformed_json: 'request.malformed',
  too_large: 'request.malformed',
  unsupported_media_type: 'request.malformed',
  headers_too_large: 'request.malformed',
};
/** An answer of this size is data somebody took away, whatever the endpoint is called. */
export const BULK_BYTES = 256 * 1024;
/** So much of it is, in however many smaller ones: nobody goes unseen who turns the pages. */
const SUM_BYTES = 4 * 1024 * 1024;
/** Of so many people and keys it is added up; whoever asks for nothing for an hour begins anew. */
const MOST_ADDED_UP = 10_000;
const ADDED_UP_MS = 3_600_000;
const MOST_OF_PATH = 300;
const MOST_OF_AGENT = 300;

/** What the HTTP door says of what it turned away, and of what was carried out of it in bulk. Nothing of a request that was just served. */
export function createHttpReports(deps: {
  events: SecurityEvents;
  callerOf: (request: FastifyRequest) => Caller;
  clock: Clock;
}) {
  const { callerOf, clock } = deps;
  const { report } = deps.events;
  const taken = boundedCache<number>(MOST_ADDED_UP, clock);
  const common = (request: FastifyRequest, principal: Principal | undefined) => ({
    transport: 'http' as const,
    address: callerOf(request).address,
    requestId: request.id,
    ...whoOf(principal),
  });

  /** What small answers come to, once that is much. Devices are answered by the million, in a few bytes each, and take nothing away. */
  function addedUp(bytes: number, principal: Principal): number | undefined {
    if (principal.kind !== 'user' && principal.kind !== 'apiKey') return undefined;
    const who = principalKey(principal) ?? '';
    const sum = bytes + (taken.get(who) ?? 0);
    if (sum < SUM_BYTES) taken.set(who, sum, clock.now() + ADDED_UP_MS);
    else taken.delete(who);
    return sum < SUM_BYTES ? undefined : sum;
  }

  return {
    /** `principal`: as far as it was known when the request was refused. */
    refused(problem: Problem, request: FastifyRequest, principal: Principal | undefined): void {
      const known = actions[problem.code];
      if (known === undefined) return;
      const path = pathOf(request);
      report({
        ...common(request, principal),
        action: actionOf(problem, request, principal) ?? known,
        outcome: 'failure',
        http: { method: request.method, route: request.routeOptions.url ?? path, status: problem.status },
        reason: problem.code,
        details: { ...(request.is404 ? {} : { path }), userAgent: agentOf(request), ...browserMark(request) },
      });
    },
    /**
     * The page of the interface stands at every address, so a scan meets no 404 there. A browser that opens a page says that it navigates;
     * whoever asks for one without is no browser, and the address was a guess. Somebody who forges that gets the same page each time.
     */
    page(request: FastifyRequest): void {
      const path = pathOf(request);
      if (path === '/' || request.headers['sec-fetch-mode'] === 'navigate') return;
      report({
        ...common(request, undefined),
        action: 'path.unknown',
        outcome: 'failure',
        http: { method: request.method, route: path, status: 200 },
        reason: 'no_navigation',
        details: { userAgent: agentOf(request), ...browserMark(request) },
      });
    },
    /** So much was answered; a stream says it piece by piece. */
    served(bytes: number, request: FastifyRequest, principal: Principal): void {
      if (request.is404) return;
      const sum = bytes < BULK_BYTES ? addedUp(bytes, principal) : bytes;
      if (sum === undefined) return;
      report({
        ...common(request, principal),
        action: 'data.exported',
        outcome: 'success',
        http: { method: request.method, route: request.routeOptions.url ?? '', status: 200 },
        details: { bytes: sum },
      });
    },
  };
}

/** Without the query, where secrets are put by mistake. */
const pathOf = ({ url }: FastifyRequest): string => url.split('?', 1)[0]?.slice(0, MOST_OF_PATH) ?? '';
const agentOf = ({ headers }: FastifyRequest): string | undefined => headers['user-agent']?.slice(0, MOST_OF_AGENT);

function actionOf(
  { code }: Problem,
  request: FastifyRequest,
  principal: Principal | undefined,
): SecurityAction | undefined {
  if (request.is404 && code === 'not_found') return 'path.unknown';
  if (code === 'too_many_requests' && principal?.kind === 'device') return 'telemetry.flooded';
  if (code !== 'not_authenticated') return undefined;
  // Nothing shown is no attempt: a browser whose session is over asks who it is at every start.
  const isSignIn = /\/auth\/(refresh|logout|mfa|session)/.test(request.routeOptions.url ?? '');
  return isSignIn || readCredential(request.headers) !== undefined ? 'credential.refused' : undefined;
}
