import { z } from 'zod';
import { id, page, pageQuery, timestamp } from './common.ts';
import { endpoint } from './endpoint.ts';
import { needs, unaudited } from './policy.ts';

export const auditEvent = z.strictObject({
  id,
  at: timestamp,
  event: z.string(),
  outcome: z.enum(['success', 'failure']),
  actor: z.strictObject({ kind: z.string(), id: z.string().nullable(), label: z.string().nullable() }),
  resource: z.strictObject({ kind: z.string(), id: z.string() }).nullable(),
  address: z.string().nullable(),
  requestId: z.string().nullable(),
  details: z.record(z.string(), z.unknown()),
});
export type AuditEvent = z.infer<typeof auditEvent>;

export const auditEventsList = endpoint({
  method: 'GET',
  path: '/audit-events',
  summary: 'Who did what, newest first',
  query: z.strictObject({
    ...pageQuery,
    event: z.string().max(80).optional(),
    actorId: z.string().max(80).optional(),
    resourceId: z.string().max(80).optional(),
    from: timestamp.optional(),
    to: timestamp.optional(),
  }),
  response: page(auditEvent),
  access: needs('system:admin'),
  rate: 'api',
  audit: unaudited('reading the log is recorded with the verifiable log'),
});
