import { type Endpoint, personalDataHeader } from '@valtronics/contract';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Principal } from '../access/principal.ts';
import type { PersonalData } from '../personal-data/personal-data.ts';
import type { PersonalDataOutcome } from '../personal-data/personal-data.types.ts';
import { whoOf } from './reported-principal.ts';

/** The body as it is to be stored, by the policy of the organisation; the answer says what was found. */
export function createHttpPersonalData(personalData: Pick<PersonalData, 'judge'>) {
  return async function judged(
    endpoint: Endpoint,
    body: unknown,
    from: { request: FastifyRequest; reply: FastifyReply; principal: Principal; address: string },
  ): Promise<unknown> {
    const { request, reply, principal, address } = from;
    if (!endpoint.freeText || !('organisationId' in principal)) return body;
    const outcome = await personalData.judge(body, endpoint.freeText, {
      ...whoOf(principal),
      organisationId: principal.organisationId,
      transport: 'http',
      address,
      http: { method: request.method, route: endpoint.path, status: null },
      requestId: request.id,
    });
    if (!outcome) return body;
    reply.header(personalDataHeader, headerOf(outcome));
    return outcome.message;
  };
}

/** A list of RFC 9651; paths are names of fields and of metadata, which are tokens. */
const headerOf = ({ found, policy }: PersonalDataOutcome): string =>
  found
    .flatMap(({ path, kinds }) => kinds.map((kind) => `${path};kind=${kind}${policy === 'mask' ? ';masked' : ''}`))
    .join(', ');
