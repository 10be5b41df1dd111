import { type Rate, stepUpSeconds } from '@valtronics/contract';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { type Problem, problemBody, retryAfterSeconds } from '../../lib/problem.ts';
import type { Logger } from '../../platform/log/log.ts';
import type { Limiter } from '../shield/limiter.ts';
import { challenge } from './dpop.ts';

const PUSH_BACK_LOG: Rate = { perSecond: 0.2, burst: 5 };

/** Answers with a problem (RFC 9457) and says in the log what the caller is not told. */
export function createProblemSender(deps: {
  limiter: Limiter;
  log: Logger;
  /** Hears of each, before it is sent. */
  told: (problem: Problem, request: FastifyRequest) => void;
}) {
  const { limiter, log, told } = deps;

  /** Saying "not now" is what we do under load: a line tells of it, a line for each would be a load of its own. */
  function tellPushBack(problem: Problem, requestId: string): void {
    if (!limiter.take(`log:${problem.code}`, PUSH_BACK_LOG).ok) return;
    const reason = problem.cause instanceof Error ? problem.cause.message : undefined;
    log.warn({ problem: problem.code, reason, requestId }, problem.message);
  }

  return (problem: Problem, request: FastifyRequest, reply: FastifyReply): FastifyReply => {
    told(problem, request);
    if (problem.status === 503) tellPushBack(problem, request.id);
    else if (problem.status >= 500)
      log.error({ err: problem.cause ?? problem, requestId: request.id }, problem.message);
    const retryAfter = retryAfterSeconds(problem);
    if (retryAfter !== undefined) reply.header('retry-after', String(retryAfter));
    if (problem.status === 401) reply.header('www-authenticate', challengeFor(problem));
    // As bytes: of a text Fastify would say its charset, a parameter this media type does not have (RFC 9457, 6.1).
    const body = Buffer.from(JSON.stringify(problemBody(problem, request.id)));
    return reply.status(problem.status).header('content-type', 'application/problem+json').send(body);
  };
}

/** RFC 9470 for what needs a fresher proof, so that a client knows that signing in from the start is not what is asked. */
const challengeFor = (problem: Problem): string =>
  problem.code === 'step_up_required'
    ? `Bearer error="insufficient_user_authentication", max_age="${stepUpSeconds}"`
    : (problem.challenge ?? challenge);
