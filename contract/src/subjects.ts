import { z } from 'zod';
import { id, idParams, name, page, pageQuery, queryInt, timestamp } from './common.ts';
import { endpoint } from './endpoint.ts';
import { field } from './fields.ts';
import { needs, records, unaudited } from './policy.ts';

// Who or what is measured: patients, residents, animals, batches. Reference and name are personal (health) data. Field rules (ASVS
// 8.1.2): holders of `device:write` read and write them; everybody else with `device:read` gets `masked: true` and masks of one fixed
// length in their place, and can neither search nor sort by what is behind them. Ids, times and devices are no personal values.
// Every answer with clear values is recorded before it is sent, and is not sent where it cannot be recorded; a masked answer tells
// nobody anything about a person, so it is not recorded.

const subjectIdentity = {
  id,
  reference: field('subjects.reference', z.string().describe('such as a medical record number; a mask where `masked`')),
  name: field('subjects.name', z.string().nullable().describe('a mask where `masked`, also where there is none')),
  masked: z.boolean().describe('reference and name are masks, since the caller does not hold device:write'),
};

export const subject = z.strictObject({
  ...subjectIdentity,
  measuredBy: z
    .array(z.strictObject({ id, name: z.string() }))
    .describe('the devices that measure it now and that the caller may see; at most 20'),
  createdAt: timestamp,
});
export type Subject = z.infer<typeof subject>;

export const subjectSorts = ['reference', '-reference', 'name', '-name', 'createdAt', '-createdAt'] as const;
export type SubjectSort = (typeof subjectSorts)[number];

/** The ids of a page go into its audit event, which is bounded. */
const subjectPageQuery = {
  ...pageQuery,
  limit: queryInt(1, 200).optional().describe('1–200; 100 unless told'),
};

export const subjectsList = endpoint({
  method: 'GET',
  path: '/subjects',
  summary: 'Persons measured (or animals, batches); names and references are masked for who may not change devices',
  query: z.strictObject({
    ...subjectPageQuery,
    text: z
      .string()
      .max(100)
      .optional()
      .describe(
        'part of reference, name or id; where masked, of the id only; among more than 500 a whole reference or name',
      ),
    sort: z
      .enum(subjectSorts)
      .optional()
      .describe(
        'by reference unless told; where masked, and among more than 500, only by createdAt, which is the order there',
      ),
  }),
  response: page(subject),
  access: needs('device:read'),
  rate: 'api',
  audit: records('subject.read'),
});

export const subjectRegister = endpoint({
  method: 'POST',
  path: '/subjects',
  summary: 'Register a person measured; the reference is unique in the organisation',
  body: z.strictObject({ reference: name, name: name.nullable().optional() }),
  response: subject,
  status: 201,
  access: needs('device:write'),
  rate: 'api',
  audit: records('subject.registered'),
});

export const subjectGet = endpoint({
  method: 'GET',
  path: '/subjects/{id}',
  summary: 'One person measured',
  params: idParams,
  response: subject,
  access: needs('device:read'),
  rate: 'api',
  audit: records('subject.read'),
});

export const subjectChange = endpoint({
  method: 'PATCH',
  path: '/subjects/{id}',
  summary: 'Change reference or name of a person measured',
  params: idParams,
  body: z.strictObject({ reference: name.optional(), name: name.nullable().optional() }),
  response: subject,
  access: needs('device:write'),
  rate: 'api',
  audit: records('subject.changed'),
});

export const subjectDelete = endpoint({
  method: 'DELETE',
  path: '/subjects/{id}',
  summary:
    'Erase a person measured with all assignments and their key; measurements of class health go with it, others stay with their devices and then belong to nobody',
  params: idParams,
  response: 'empty',
  status: 204,
  access: needs('device:write', { stepUp: true }),
  rate: 'api',
  audit: records('subject.deleted'),
});

export const subjectErasure = z.strictObject({
  subjectId: id.describe('of whom was erased; it names nobody'),
  erasedAt: timestamp,
  unreadableFrom: timestamp.describe(
    'from then on no copy of the key store from before is kept, so no backup opens for them',
  ),
  certificate: z
    .string()
    .max(2_000)
    .describe('a signed note (c2sp.org/signed-note) of the key of the audit log that says both'),
});
export type SubjectErasure = z.infer<typeof subjectErasure>;

const certificates = unaudited('ids and times of erasures name nobody, and a certificate is there to be handed on');

export const subjectErasuresList = endpoint({
  method: 'GET',
  path: '/subjects/erasures',
  summary: 'Who was erased, latest first, each with the certificate of it',
  query: z.strictObject(pageQuery),
  response: page(subjectErasure),
  access: needs('device:write'),
  rate: 'api',
  audit: certificates,
});

export const subjectErasureGet = endpoint({
  method: 'GET',
  path: '/subjects/{id}/erasure',
  summary: 'The certificate of the erasure of one person measured',
  params: idParams,
  response: subjectErasure,
  access: needs('device:write'),
  rate: 'api',
  audit: certificates,
});

const span = {
  id,
  from: timestamp,
  until: timestamp.nullable().describe('not included; null: open'),
};

export const subjectAssignment = z.strictObject({
  ...span,
  device: z.strictObject({ id, name: z.string(), type: z.string() }),
});
export type SubjectAssignment = z.infer<typeof subjectAssignment>;

export const deviceAssignment = z.strictObject({ ...span, subject: z.strictObject(subjectIdentity) });
export type DeviceAssignment = z.infer<typeof deviceAssignment>;

export const subjectAssignmentsList = endpoint({
  method: 'GET',
  path: '/subjects/{id}/assignments',
  summary: 'Which devices measured this person and when, latest first',
  params: idParams,
  query: z.strictObject(pageQuery),
  response: page(subjectAssignment),
  access: needs('device:read'),
  rate: 'api',
  audit: unaudited('device names and times hold no name or reference of a person'),
});

export const deviceAssignmentsList = endpoint({
  method: 'GET',
  path: '/devices/{id}/assignments',
  summary: 'Whom this device measured and when, latest first; masked like the persons themselves',
  params: idParams,
  query: z.strictObject(subjectPageQuery),
  response: page(deviceAssignment),
  access: needs('device:read'),
  rate: 'api',
  audit: records('subject.read'),
});

export const deviceAssign = endpoint({
  method: 'POST',
  path: '/devices/{id}/assignments',
  summary: 'Say whom this device measures; one person at a time',
  params: idParams,
  body: z.strictObject({
    subjectId: id,
    from: timestamp.optional().describe('now unless told; may lie in the past, to correct'),
    until: timestamp.optional().describe('open unless told'),
    endCurrent: z.boolean().optional().describe('end what covers `from` at `from`, rather than answer 409'),
  }),
  response: deviceAssignment,
  status: 201,
  access: needs('device:write'),
  rate: 'api',
  audit: records('subject.assigned'),
});

const assignmentParams = z.strictObject({ id, assignmentId: id });

export const deviceUnassign = endpoint({
  method: 'PATCH',
  path: '/devices/{id}/assignments/{assignmentId}',
  summary: 'End an assignment, or correct when it ended',
  params: assignmentParams,
  body: z.strictObject({ until: timestamp }),
  response: deviceAssignment,
  access: needs('device:write'),
  rate: 'api',
  audit: records('subject.unassigned'),
});

export const assignmentRemove = endpoint({
  method: 'DELETE',
  path: '/devices/{id}/assignments/{assignmentId}',
  summary: 'Remove an assignment that was a mistake, as if it had never been',
  params: assignmentParams,
  response: 'empty',
  status: 204,
  access: needs('device:write'),
  rate: 'api',
  audit: records('subject.unassigned'),
});
