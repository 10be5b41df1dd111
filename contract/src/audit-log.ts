import { z } from 'zod';
import { id, idParams, page, pageQuery, queryInt, timestamp } from './common.ts';
import { endpoint } from './endpoint.ts';
import { field } from './fields.ts';
import { needs, reads, records, unaudited } from './policy.ts';

// The audit log is a Merkle tree (RFC 6962) that is signed again and again (C2SP signed notes): docs/audit-log.md says how a stranger
// verifies it. What the whole instance did belongs to no organisation; the administrators of the one that runs it see that too (`of=instance`).

/** `pending`: not in the tree yet, which takes up to a second. `signed`: below a checkpoint, which takes up to five. */
export const proofStatuses = ['pending', 'sequenced', 'signed'] as const;
export type ProofStatus = (typeof proofStatuses)[number];

export const auditEvent = z.strictObject({
  id,
  at: timestamp,
  event: z.string(),
  outcome: z.enum(['success', 'failure']),
  actor: z.strictObject({
    kind: z.string(),
    id: z.string().nullable(),
    label: field('audit_events.actor_label', z.string().nullable()),
  }),
  resource: z.strictObject({ kind: z.string(), id: z.string() }).nullable(),
  address: field('audit_events.address', z.string().nullable()),
  requestId: z.string().nullable(),
  details: field('audit_events.details', z.record(z.string(), z.unknown())),
  proof: z.strictObject({
    status: z.enum(proofStatuses),
    position: z.int().nullable().describe('in the tree'),
    checkpointSize: z.int().nullable().describe('of the first checkpoint that covers it'),
  }),
});
export type AuditEvent = z.infer<typeof auditEvent>;

const auditLogOf = z.enum(['organisation', 'instance']).optional().describe('organisation unless told');

const auditFilter = {
  of: auditLogOf,
  event: z.string().max(80).optional().describe('a name, or with `*` at its end all that begin so'),
  outcome: z.enum(['success', 'failure']).optional(),
  actorId: z.string().max(80).optional(),
  resourceId: z.string().max(80).optional(),
  address: z.union([z.ipv4(), z.ipv6()]).optional(),
  from: timestamp.optional(),
  to: timestamp.optional(),
};

export const auditEventsList = endpoint({
  method: 'GET',
  path: '/audit-events',
  summary: 'Who did what, newest first',
  query: z.strictObject({ ...pageQuery, ...auditFilter }),
  response: page(auditEvent),
  access: needs('system:admin'),
  rate: 'api',
  audit: reads('audit.read', 'all'),
});

/** Of one export; what is older is asked for by its time. */
export const auditExportLimit = 100_000;

export const auditEventsExport = endpoint({
  method: 'POST',
  path: '/audit-events/export',
  summary: 'The same as a file, newest first; at most 100,000 events',
  body: z.strictObject({ ...auditFilter, format: z.enum(['jsonl', 'csv']) }),
  response: 'raw',
  access: needs('system:admin'),
  rate: 'api',
  audit: records('audit.exported'),
});

export const auditCheckpoint = z.strictObject({
  origin: z.string(),
  size: z.int(),
  note: z.string().describe('the signed note itself (c2sp.org/tlog-checkpoint)'),
  key: z.string().describe('public key to verify it with (c2sp.org/signed-note)'),
  signedAt: timestamp,
});
export type AuditCheckpoint = z.infer<typeof auditCheckpoint>;

export const auditLogCheckpoint = endpoint({
  method: 'GET',
  path: '/audit-log/checkpoint',
  summary: 'The newest signed head of the audit log',
  query: z.strictObject({ of: auditLogOf }),
  response: auditCheckpoint,
  access: needs('system:admin'),
  rate: 'api',
  audit: unaudited('a checkpoint is a number and a hash, and says nothing of anybody'),
});

export const auditEventProof = endpoint({
  method: 'GET',
  path: '/audit-events/{id}/proof',
  summary: 'Proof that an event stands in the log, for a file (c2sp.org/tlog-proof)',
  params: idParams,
  response: 'raw',
  access: needs('system:admin'),
  rate: 'api',
  audit: reads('audit.read', 'all'),
});

export const auditLogProof = endpoint({
  method: 'GET',
  path: '/audit-log/proof',
  summary: 'Proof that the log of one size begins with the log of an earlier one (RFC 6962, 2.1.2)',
  query: z.strictObject({ of: auditLogOf, from: queryInt(1, 999_999_999), to: queryInt(1, 999_999_999) }),
  response: z.strictObject({ origin: z.string(), from: z.int(), to: z.int(), hashes: z.array(z.string()) }),
  access: needs('system:admin'),
  rate: 'api',
  audit: unaudited('hashes say nothing of anybody'),
});
