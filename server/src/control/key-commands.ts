import { z } from 'zod';
import type { SigningKeyRotation } from '../security/access/signing-key-rotation.ts';

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
});
export type SigningKeysShown = z.output<typeof keys>;

export const keyCommandShapes = {
  'keys.status': { input: z.strictObject({}), output: keys },
  'keys.rotate': { input: z.strictObject({ now: z.boolean() }), output: keys },
  'keys.retire': {
    input: z.strictObject({ kid: z.string().regex(/^[\w-]{43}$/, 'a key id has 43 characters') }),
    output: keys,
  },
} as const;

export function presentKeys(found: Awaited<ReturnType<SigningKeyRotation['status']>>): SigningKeysShown {
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
  };
}
