import type { Endpoint } from '@valtronics/contract';
import type { FastifyRequest } from 'fastify';
import type { Clock } from '../../lib/clock.ts';
import type { Problem } from '../../lib/problem.ts';
import type { Metrics } from '../../platform/metrics/metrics.ts';
import { type Blocks, blockedProblem } from '../shield/blocks.ts';
import type { Guessing } from '../shield/guessing.types.ts';
import { readCredential } from './credential.ts';

/**
 * Blocked addresses at the HTTP door. A session, a token or a device that was let in before goes on; whoever shows nothing, shows
 * something that is not good, or wants to prove something new, is refused.
 */
export function createHttpBlocks(deps: {
  blocks: Pick<Blocks, 'of'>;
  guessing: Pick<Guessing, 'refusedWhileBlocked'>;
  clock: Clock;
  metrics: Pick<Metrics, 'gateRefused'>;
}) {
  const { blocks, guessing, clock, metrics } = deps;

  /** Why a caller who has not proven anything is refused, or undefined. */
  function refusalAt(address: string): Problem | undefined {
    const block = blocks.of(address);
    if (!block) return undefined;
    metrics.gateRefused('http', 'address_blocked');
    return blockedProblem(block, clock.now());
  }

  async function turnAway(endpoint: Endpoint, address: string, problem: Problem): Promise<never> {
    if (endpoint.rate === 'login') await guessing.refusedWhileBlocked(address);
    throw problem;
  }

  return {
    refusalAt,
    /** Before any credential is looked up: rejects, or undefined when the request may come nearer. */
    beforeCredentials(endpoint: Endpoint, request: FastifyRequest, address: string): Promise<never> | undefined {
      if (!blocks.of(address) || !isForStrangers(endpoint, request)) return undefined;
      const problem = refusalAt(address);
      return problem && turnAway(endpoint, address, problem);
    },
  };
}

/** Where nobody is asked who they are, and where nobody says. Probes are for everybody: how the server is tells nothing about anybody. */
const isForStrangers = ({ access, rate }: Endpoint, { headers }: FastifyRequest): boolean =>
  access.kind === 'open' ? rate !== 'none' : readCredential(headers) === undefined;
