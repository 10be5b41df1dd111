import { z } from 'zod';
import type { SigningKeyRotation } from '../security/access/signing-key-rotation.ts';
import type { DataKeyRotation } from '../security/keys/data-key-rotation.ts';

const timestamp = z.iso.datetime();

const keys = z.strictObject({
  keys: z.array(
    z.strictObject({
      kid: z.string(),
      algorithm: z.enum(['ES256', 'EdDSA']),
      status: z.enum(['next', 'active', 'retiring', 'retired']),
      createdAt: timestamp,
      activatedAt: timestamp.nullable(),
      /** When the last token it can have signed has ended. */
      retiresAt: timestamp.nullable(),
      retiredAt: timestamp.nullable(),
    }),
  ),
  rotationDueAt: timestamp,
  dataEpochs: z.array(
    z.strictObject({
      epoch: z.int(),
      status: z.enum(['active', 'previous', 'retired']),
      createdAt: timestamp,
      replacedAt: timestamp.nullable(),
      retiredAt: timestamp.nullable(),
      /** How many are sealed under it. */
      values: z.int(),
    }),
  ),
});
export type KeysShown = z.output<typeof keys>;

const progress = z.strictObject({
  state: z.enum(['idle', 'running', 'done', 'failed']),
  done: z.int(),
  total: z.int(),
  unreadable: z.int(),
});
export type DataRotationShown = z.output<typeof progress>;

export const keyCommandShapes = {
  'keys.status': { input: z.strictObject({}), output: keys },
  'keys.rotate': { input: z.strictObject({ now: z.boolean() }), output: keys },
  'keys.retire': {
    input: z.strictObject({ kid: z.string().regex(/^[\w-]{43}$/, 'a key id has 43 characters') }),
    output: keys,
  },
  'keys.rotate-data': { input: z.strictObject({ resume: z.boolean() }), output: progress },
  'keys.rotate-data.progress': { input: z.strictObject({}), output: progress },
  'keys.retire-data': { input: z.strictObject({ epoch: z.int().positive() }), output: keys },
} as const;

export function presentKeys(
  found: Awaited<ReturnType<SigningKeyRotation['status']>>,
  epochs: Awaited<ReturnType<DataKeyRotation['status']>>,
): KeysShown {
  const text = (date: Date | null): string | null => date?.toISOString() ?? null;
  return {
    keys: found.keys.map((key) => ({
      kid: key.kid,
      algorithm: key.algorithm,
      status: key.status,
      createdAt: key.created_at.toISOString(),
      activatedAt: text(key.activated_at),
      retiresAt: text(key.retires_at),
      retiredAt: text(key.retired_at),
    })),
    rotationDueAt: found.dueAt.toISOString(),
    dataEpochs: epochs.map(({ epoch, status, createdAt, replacedAt, retiredAt, values }) => ({
      epoch,
      status,
      createdAt: createdAt.toISOString(),
      replacedAt: text(replacedAt),
      retiredAt: text(retiredAt),
      values,
    })),
  };
}
