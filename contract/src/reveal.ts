import { z } from 'zod';
import { id, idParams } from './common.ts';
import { endpoint } from './endpoint.ts';
import { field } from './fields.ts';
import type { Permission } from './permissions.ts';
import { needs, records, reported } from './policy.ts';

// A masked value is shown in clear to a person who says why, has just proven who they are and holds what the field catalogue asks for; that
// is recorded before the answer is sent. Nothing is revealed that was not asked for. `needs` is what the thing itself is seen with.

/** What can be revealed of each kind of thing, and from which field of the catalogue it stems. */
export const revealable = {
  subjects: { reference: 'subjects.reference', name: 'subjects.name' },
  devices: { serial: 'devices.serial' },
  users: { email: 'users.email', phone: 'users.phone' },
  'notification-channels': { target: 'notification_channels.target' },
} as const;
export type Revealable = keyof typeof revealable;

export const revealReason = z.string().trim().min(10).max(300);

const value = z.string().nullable().optional();

function reveal<const P extends Permission, const F extends Readonly<Record<string, string>>>(
  resource: Revealable,
  fields: F,
  permission: P,
) {
  type Name = keyof F & string;
  const names = Object.keys(fields) as [Name, ...Name[]];
  const shape = Object.fromEntries(
    Object.entries(fields).map(([name, of]) => [name, field(of, value, { shown: 'revealed' })]),
  ) as Record<Name, typeof value>;
  return endpoint({
    method: 'POST',
    path: `/${resource}/{id}/reveal`,
    summary: `Show masked fields in clear, with a reason: ${names.join(', ')}`,
    params: idParams,
    body: z.strictObject({
      fields: z
        .array(z.enum(names))
        .min(1)
        .max(names.length)
        .refine((list) => new Set(list).size === list.length, 'each field once'),
      reason: revealReason.describe('kept in the audit log, with which fields and never with their values'),
    }),
    response: z.strictObject({ id, values: z.strictObject(shape) }),
    inspection: [reported('body.reason', 'whoever asks says why in their own words')],
    freeText: ['reason'],
    access: needs(permission, { stepUp: true }),
    rate: 'reveal',
    audit: records('field.revealed'),
  });
}

export const subjectReveal = reveal('subjects', revealable.subjects, 'device:read');
export const deviceReveal = reveal('devices', revealable.devices, 'device:read');
export const userReveal = reveal('users', revealable.users, 'system:admin');
export const channelReveal = reveal('notification-channels', revealable['notification-channels'], 'alert:read');
