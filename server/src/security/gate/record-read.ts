import type { Endpoint } from '@valtronics/contract';
import type { FastifyRequest } from 'fastify';
import type { RecordReading } from '../audit/readings.ts';
import { actorOf, type CallParts } from './call-factory.ts';

/** Before anything is sent: what cannot be recorded is not told either. */
export async function recordRead(
  record: RecordReading,
  { audit, path }: Endpoint,
  { principal, address }: CallParts['passage'],
  request: FastifyRequest,
  { params, query }: { readonly params: unknown; readonly query: unknown },
): Promise<void> {
  // A device reads what is its own.
  if (audit.kind !== 'reads' || (principal.kind !== 'user' && principal.kind !== 'apiKey')) return;
  // Who may not see values of class health is shown none: an event about that would hide those that say something.
  if (audit.of === 'health' && !principal.permissions.has('health:read')) return;
  const { organisationId, viewers } = principal;
  const { id } = (params ?? {}) as { id?: string };
  await record({
    context: { organisationId, viewers, actor: actorOf(principal), address, requestId: request.id },
    audit,
    route: path,
    deviceId: (query as { deviceId?: unknown } | undefined)?.deviceId,
    resource: id === undefined ? null : { kind: audit.event.split('.')[0] ?? '', id },
  });
}
