import type { Endpoint } from '@valtronics/contract';
import type { FastifyRequest } from 'fastify';
import type { Metrics } from '../../platform/metrics/metrics.ts';
import type { Principal } from '../access/principal.ts';
import type { SecurityEvents } from '../events/security-event.ts';
import type { SecondEngine } from '../inspection/core-rules/core-rules.ts';
import { textsOfBody, textsOfHead } from '../inspection/core-rules/texts.ts';
import { isHarmlessJson } from '../inspection/harmless.ts';
import { inspectHead, inspectMessage, inspectValue, type Verdict } from '../inspection/inspect-request.ts';
import { browserMark } from './browser-mark.ts';
import type { Caller } from './http-callers.ts';
import { inspectItems, takeOut } from './inspected-items.ts';
import { blockedRequest, inspectionReport } from './inspection-report.ts';
import { whoOf } from './reported-principal.ts';

/** Reads what came through the HTTP door for attacks: reports what looks like one, and refuses what surely is. */
export function createHttpInspection(deps: {
  events: SecurityEvents;
  metrics: Pick<Metrics, 'gateRefused'>;
  callerOf: (request: FastifyRequest) => Caller;
  secondEngine?: SecondEngine | undefined;
}) {
  const { events, metrics, callerOf, secondEngine } = deps;
  /** Bodies of which the bytes already said that nothing can be in them. */
  const harmless = new WeakSet<FastifyRequest>();

  function tell(
    verdict: Verdict,
    request: FastifyRequest,
    principal: Principal | undefined,
    status = !verdict.blocked ? null : request.is404 ? 404 : 403,
  ): void {
    const said = inspectionReport(verdict);
    events.report({
      ...said,
      details: { ...said.details, ...browserMark(request) },
      transport: 'http',
      address: callerOf(request).address,
      ...whoOf(principal),
      http: {
        method: request.method,
        route: request.routeOptions.url ?? 'unknown path',
        status,
      },
      requestId: request.id,
    });
  }

  function judge(verdict: Verdict | undefined, request: FastifyRequest, principal: Principal | undefined): void {
    if (verdict === undefined) return;
    tell(verdict, request, principal);
    if (!verdict.blocked) return;
    metrics.gateRefused('http', 'request_blocked');
    throw blockedRequest(verdict);
  }

  return {
    /** Path, query and headers, before any of the body is read. */
    head(endpoint: Endpoint, request: FastifyRequest, principal: Principal): void {
      judge(inspectHead(headOf(request), endpoint.inspection), request, principal);
    },
    /** The same where there is no endpoint: whether it is an attack. It is told, and what is not there stays what is not there. */
    isAttackOnNothing(request: FastifyRequest): boolean {
      const verdict = inspectHead(headOf(request));
      if (verdict) tell(verdict, request, undefined);
      return verdict?.blocked ?? false;
    },
    /** The bytes of a body that will be parsed. */
    bytes(request: FastifyRequest, body: Buffer): void {
      if (isHarmlessJson(body)) harmless.add(request);
    },
    /** A body that could not be parsed: it is refused for that, and what it was meant to be is told. */
    unreadable(request: FastifyRequest, body: Buffer, principal: Principal | undefined): void {
      const verdict = inspectMessage(body);
      if (verdict) tell({ ...verdict, blocked: false }, request, principal);
    },
    /** Keys and values of a body as it was parsed, before it is validated. Of a list of items, those that are refused are taken out. */
    body(endpoint: Endpoint, request: FastifyRequest, principal: Principal): void {
      if (harmless.has(request)) return;
      const { body } = request;
      const { itemsCheckedIn: list, inspection } = endpoint;
      if (list === undefined || typeof body !== 'object' || body === null) {
        judge(inspectValue(body, 'body', inspection), request, principal);
        return;
      }
      const { verdict, refused } = inspectItems(body as Record<string, unknown>, list, inspection);
      for (const each of refused) tell(each, request, principal, null);
      judge(verdict, request, principal);
    },
    /**
     * The same again by the second engine where there is one, of a request that is about to be handled and has anything in it worth asking
     * about. It can add a refusal; what the first one decided stands already.
     */
    again(endpoint: Endpoint, request: FastifyRequest, principal: Principal): Promise<void> | undefined {
      if (secondEngine === undefined) return undefined;
      const texts = textsOfHead(headOf(request), endpoint.inspection);
      if (!harmless.has(request)) texts.push(...textsOfBody(request.body, endpoint.inspection));
      return secondEngine.judge(texts)?.then((verdicts) => {
        const left = takeOut(request.body, endpoint.itemsCheckedIn, verdicts);
        for (const verdict of verdicts) if (!left.includes(verdict)) tell(verdict, request, principal, null);
        for (const verdict of left) if (!verdict.blocked) tell(verdict, request, principal);
        judge(
          left.find(({ blocked }) => blocked),
          request,
          principal,
        );
      });
    },
  };
}

function headOf({ url, query, headers }: FastifyRequest) {
  const end = url.indexOf('?');
  return { path: end === -1 ? url : url.slice(0, end), query, headers };
}
