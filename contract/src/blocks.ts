import { z } from 'zod';
import { id, idParams, page, pageQuery, timestamp } from './common.ts';
import { endpoint } from './endpoint.ts';
import { actingPerson, field } from './fields.ts';
import { bouncer, needs, records, reported, unaudited } from './policy.ts';

export const blockScopes = ['ip', 'range', 'user', 'device'] as const;
export type BlockScope = (typeof blockScopes)[number];
/** `block`: strangers and new sign-ins; what was let in before goes on. `ban`: nothing from there. */
export const blockKinds = ['block', 'ban'] as const;
export type BlockKind = (typeof blockKinds)[number];
export const blockOrigins = ['guessing', 'detection', 'manual'] as const;
export type BlockOrigin = (typeof blockOrigins)[number];

/** Who did it: a person, a key, or the machine itself. */
const doneBy = (column: string) => z.strictObject({ id: z.string(), label: field(column, z.string().nullable()) });
const blockValue = z.string().trim().min(1).max(200);
/** Thirty days; what must stay out for longer belongs into a firewall. */
export const longestBlockSeconds = 30 * 86_400;
/** For so long after it was lifted no detection blocks the same subject again. */
export const graceSeconds = 600;

export const block = z.strictObject({
  id,
  scope: z.enum(blockScopes),
  value: field(
    'blocks.value',
    z.string().describe('an address (IPv6: its /64), a network, or the id of a person or a device'),
  ),
  label: actingPerson(z.string()).nullable().describe('the email address of the person or the name of the device'),
  kind: z.enum(blockKinds),
  origin: z.enum(blockOrigins),
  simulated: z.boolean().describe('what a scenario that is being tried out would have done; nothing is kept out'),
  state: z.enum(['in_force', 'expired', 'lifted']),
  reason: field('blocks.reason', z.string()),
  scenario: z.string().nullable(),
  detectionId: id.nullable(),
  nth: z.int().describe('the how manieth of this subject within a day; each lasts twice as long as the one before'),
  evidence: field(
    'blocks.evidence',
    z.record(z.string(), z.unknown()).describe('counts, and ids of the security events that led to it'),
  ),
  createdAt: timestamp,
  createdBy: doneBy('blocks.created_by_label').nullable(),
  expiresAt: timestamp,
  liftedAt: timestamp.nullable(),
  liftedBy: doneBy('blocks.lifted_by_label').nullable(),
  graceUntil: timestamp.nullable(),
});
export type Block = z.infer<typeof block>;

const listReason = unaudited('what is kept out, and why, is for those who keep it out');

export const blocksList = endpoint({
  method: 'GET',
  path: '/blocks',
  summary: 'What is kept out and why, newest first; addresses are shown to whoever runs the instance',
  query: z.strictObject({
    ...pageQuery,
    state: z.enum(['in_force', 'ended', 'all']).optional().describe('in_force unless told'),
    scope: z.enum(blockScopes).optional(),
    value: blockValue.optional().describe('an address finds the blocks of its /64 and of networks it is in'),
    detectionId: id.optional(),
    from: timestamp.optional().describe('made then or later'),
    to: timestamp.optional().describe('made before'),
  }),
  response: page(block),
  access: needs('system:admin'),
  rate: 'api',
  audit: listReason,
});

export const blockGet = endpoint({
  method: 'GET',
  path: '/blocks/{id}',
  summary: 'One block with its evidence',
  params: idParams,
  response: block,
  access: needs('system:admin'),
  rate: 'api',
  audit: listReason,
});

export const blockCreate = endpoint({
  method: 'POST',
  path: '/blocks',
  summary: 'Block an address, a network, a person or a device, on every server within a second',
  body: z.strictObject({
    scope: z.enum(blockScopes),
    value: blockValue,
    kind: z.enum(blockKinds),
    seconds: z.int().min(60).max(longestBlockSeconds),
    reason: z.string().trim().min(1).max(200).describe('shown to whoever is kept out'),
  }),
  response: block,
  status: 201,
  inspection: [reported('body.reason', 'whoever keeps an attacker out says why, and may quote them')],
  freeText: ['reason'],
  access: needs('system:admin', { stepUp: true }),
  rate: 'api',
  audit: records('block.created'),
});

export const blockLift = endpoint({
  method: 'POST',
  path: '/blocks/{id}/lift',
  summary: 'Lift a block, on every server within a second; no detection blocks the same again for the grace period',
  params: idParams,
  body: z.strictObject({
    graceSeconds: z.int().min(0).max(86_400).optional().describe(`${graceSeconds} unless told`),
  }),
  response: block,
  access: needs('system:admin'),
  rate: 'api',
  audit: records('block.lifted'),
});

export const allowListEntry = z.strictObject({
  id: id.nullable().describe('null: of a setting, which is changed where the server is started'),
  network: field('allow_list.network', z.string()),
  source: z.enum(['managed', 'setting', 'trusted_proxy']),
  note: field('allow_list.note', z.string().nullable()),
  createdAt: timestamp.nullable(),
  createdBy: doneBy('allow_list.created_by_label').nullable(),
});
export type AllowListEntry = z.infer<typeof allowListEntry>;

export const allowListList = endpoint({
  method: 'GET',
  path: '/allow-list',
  summary: 'Addresses and networks that are never blocked; trusted proxies among them',
  response: page(allowListEntry),
  access: needs('system:admin'),
  rate: 'api',
  audit: unaudited('who is never blocked is for those who decide it'),
});

export const allowListAdd = endpoint({
  method: 'POST',
  path: '/allow-list',
  summary: 'Never block an address or a network; lifts what blocks it now',
  body: z.strictObject({ network: z.string().trim().min(1).max(50), note: z.string().trim().max(200).optional() }),
  response: z.strictObject({ entry: allowListEntry, lifted: z.int().describe('blocks that ended by this') }),
  status: 201,
  inspection: [reported('body.note', 'whoever lets an address in says why, in their own words')],
  freeText: ['note'],
  access: needs('system:admin', { stepUp: true }),
  rate: 'api',
  audit: records('allow_list.added'),
});

export const allowListRemove = endpoint({
  method: 'DELETE',
  path: '/allow-list/{id}',
  summary: 'An address or a network may be blocked again',
  params: idParams,
  response: 'empty',
  status: 204,
  access: needs('system:admin', { stepUp: true }),
  rate: 'api',
  audit: records('allow_list.removed'),
});

export const bouncerEntry = z.strictObject({
  id,
  name: z.string(),
  createdAt: timestamp,
  createdBy: doneBy('bouncers.created_by_label').nullable(),
  lastSeenAt: timestamp.nullable(),
  lastAddress: field('bouncers.last_address', z.string().nullable()),
  userAgent: field('bouncers.user_agent', z.string().nullable()),
});
export type BouncerEntry = z.infer<typeof bouncerEntry>;

export const bouncersList = endpoint({
  method: 'GET',
  path: '/bouncers',
  summary: 'Firewalls elsewhere that obey the bans of this instance',
  response: page(bouncerEntry),
  access: needs('system:admin'),
  rate: 'api',
  audit: unaudited('which firewalls obey is for those who run the instance'),
});

export const bouncerCreate = endpoint({
  method: 'POST',
  path: '/bouncers',
  summary: 'Make a key for a firewall that is to obey; it is shown once',
  body: z.strictObject({ name: z.string().trim().min(1).max(80) }),
  response: z.strictObject({ bouncer: bouncerEntry, key: z.string() }),
  status: 201,
  freeText: ['name'],
  access: needs('system:admin', { stepUp: true }),
  rate: 'api',
  audit: records('bouncer.created'),
});

export const bouncerDelete = endpoint({
  method: 'DELETE',
  path: '/bouncers/{id}',
  summary: 'End the key of a firewall, from its next request on',
  params: idParams,
  response: 'empty',
  status: 204,
  access: needs('system:admin', { stepUp: true }),
  rate: 'api',
  audit: records('bouncer.deleted'),
});

/** As CrowdSec's local API has it, so that its stock bouncers obey: names and spellings are theirs. */
const decision = z.strictObject({
  id: z.int(),
  origin: z.string(),
  type: z.literal('ban'),
  scope: z.enum(['Ip', 'Range']),
  value: z.string(),
  scenario: z.string(),
  duration: z.string().describe('as Go writes it: `4m59.5s`; negative for what has ended'),
});
export type Decision = z.infer<typeof decision>;
const filterText = z.string().max(500).optional();

export const decisionsStream = endpoint({
  method: 'GET',
  path: '/v1/decisions/stream',
  root: true,
  summary: 'Bans of addresses and networks since the last question, or all of them, in the format of CrowdSec',
  query: z.object({
    startup: z.enum(['true', 'false']).optional(),
    scopes: filterText,
    origins: filterText,
    scenarios_containing: filterText,
    scenarios_not_containing: filterText,
  }),
  response: z.strictObject({ new: z.array(decision), deleted: z.array(decision) }),
  access: bouncer(),
  rate: 'api',
  audit: unaudited('a firewall asks every few seconds; who has a key is recorded'),
});
