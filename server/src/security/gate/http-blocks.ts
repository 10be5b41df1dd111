import type { Endpoint } from '@valtronics/contract';
import type { FastifyRequest } from 'fastify';
import type { Clock } from '../../lib/clock.ts';
import type { Problem } from '../../lib/problem.ts';
import type { Metrics } from '../../platform/metrics/metrics.ts';
import type { Principal } from '../access/principal.ts';
import type { BlockRow } from '../shield/block.repository.ts';
import { type Blocks, blockedProblem } from '../shield/blocks.ts';
import type { Guessing } from '../shield/guessing.types.ts';
import { BOUNCER_KEY, readCredential } from './credential.ts';

/**
 * Blocks at the HTTP door. From a blocked address a session, a token or a device that was let in before goes on; whoever shows nothing,
 * shows something that is not good, or wants to prove something new, is refused. From a banned one nothing is taken. A person or a device
 * that is blocked itself is refused wherever it comes from: nobody else shares it.
 */
export function createHttpBlocks(deps: {
  blocks: Pick<Blocks, 'of' | 'ofPrincipal'>;
  guessing: Pick<Guessing, 'refusedWhileBlocked'>;
  clock: Clock;
  metrics: Pick<Metrics, 'gateRefused'>;
}) {
  const { blocks, guessing, clock, metrics } = deps;

  function refused(block: BlockRow | undefined): Problem | undefined {
    if (!block) return undefined;
    const problem = blockedProblem(block, clock.now());
    metrics.gateRefused('http', problem.code);
    return problem;
  }

  async function turnAway(endpoint: Endpoint, address: string, problem: Problem): Promise<never> {
    if (endpoint.rate === 'login') await guessing.refusedWhileBlocked(address);
    throw problem;
  }

  return {
    /** Why a caller who has not proven anything is refused, or undefined. */
    refusalAt: (address: string): Problem | undefined => refused(blocks.of(address)),
    /** Why a caller is refused whatever they might prove, or undefined. */
    banAt(address: string): Problem | undefined {
      const block = blocks.of(address);
      return block?.kind === 'ban' ? refused(block) : undefined;
    },
    refusalOf: (principal: Principal): Problem | undefined => refused(blocks.ofPrincipal(principal)),
    /** Before any credential is looked up: rejects, or undefined when the request may come nearer. */
    beforeCredentials(endpoint: Endpoint, request: FastifyRequest, address: string): Promise<never> | undefined {
      const block = blocks.of(address);
      if (!block || (block.kind !== 'ban' && !isForStrangers(endpoint, request))) return undefined;
      const problem = refused(block);
      return problem && turnAway(endpoint, address, problem);
    },
  };
}

/** Where nobody is asked who they are, and where nobody says. Probes are for everybody: how the server is tells nothing about anybody. */
const isForStrangers = ({ access, rate }: Endpoint, { headers }: FastifyRequest): boolean => {
  if (access.kind === 'open') return rate !== 'none';
  return readCredential(headers) === undefined && !(access.kind === 'bouncer' && headers[BOUNCER_KEY] !== undefined);
};
