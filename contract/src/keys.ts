import { z } from 'zod';
import { timestamp } from './common.ts';
import { endpoint } from './endpoint.ts';
import { needs, records, unaudited } from './policy.ts';

const count = z.int().nonnegative();
const place = z.string().max(1_000);

export const rootKeyKinds = ['file', 'mounted', 'transit'] as const;

export const rootKeyShown = z.strictObject({
  kind: z
    .enum(rootKeyKinds)
    .describe('a file of the server, a secret that is mounted (VALTRONICS_ROOT_KEY_FILE), or Vault or OpenBao Transit'),
  place: place.describe('a file, or the URL of the Transit key'),
  beside: z
    .enum(['data_folder', 'same_disk'])
    .nullable()
    .describe('whoever gets hold of the one gets hold of the other; null: they lie apart'),
  leftBehind: z.strictObject({ place }).nullable().describe('with Transit: a file that still holds the key in clear'),
});
export type RootKeyShown = z.infer<typeof rootKeyShown>;

export const keyEpoch = z.strictObject({
  number: z.int().positive(),
  status: z.enum(['active', 'previous', 'retired']),
  createdAt: timestamp,
  replacedAt: timestamp.nullable(),
  retiredAt: timestamp.nullable(),
  values: count.nullable().describe('sealed under it; null: not counted yet'),
  subjectKeys: count
    .nullable()
    .describe('keys of persons measured; null: not counted yet, or no key store to count in'),
});
export type KeyEpoch = z.infer<typeof keyEpoch>;

export const keyRotation = z.strictObject({
  state: z
    .enum(['idle', 'running', 'elsewhere', 'done', 'failed'])
    .describe('of this server since it was started; elsewhere: another process on this database is at it'),
  done: count.describe('values under the active epoch'),
  total: count,
  unreadable: count.describe('open under no key there is: they stay as they are'),
});
export type KeyRotation = z.infer<typeof keyRotation>;

export const keyStoreShown = z.strictObject({
  state: z
    .enum(['none', 'present', 'missing', 'unusable'])
    .describe('none: nothing is sealed for a person yet; unusable: the file is another store, or damaged'),
  place,
  keys: count.nullable(),
  destroyed: count.nullable().describe('persons whose keys were destroyed'),
  copies: z
    .strictObject({
      place: place,
      days: count.describe('after so many one is thrown away'),
      count: count.nullable().describe('null: not looked yet, or the folder cannot be read'),
      newest: timestamp.nullable(),
    })
    .nullable()
    .describe('null: no folder is set, so none are made'),
});
export type KeyStoreShown = z.infer<typeof keyStoreShown>;

export const keysGet = endpoint({
  method: 'GET',
  path: '/keys',
  summary:
    'Where keys lie, what is sealed under which, and how far a rotation is. For the organisation that runs the instance',
  response: z.strictObject({
    rootKey: rootKeyShown,
    epochs: z.array(keyEpoch),
    countedAt: timestamp.nullable().describe('counted when somebody looks, and not too often; null: not yet'),
    rotation: keyRotation,
    keyStore: keyStoreShown,
  }),
  access: needs('system:admin'),
  rate: 'api',
  audit: unaudited('where keys lie and how many there are, and none of them'),
});

export const keysRotate = endpoint({
  method: 'POST',
  path: '/keys/rotation',
  summary:
    'Begin a key epoch and seal everything again under it, or go on with that. For the organisation that runs the instance',
  body: z.strictObject({
    resume: z.boolean().describe('go on with what was interrupted, without another epoch'),
  }),
  response: keyRotation,
  access: needs('system:admin', { stepUp: true }),
  rate: 'api',
  audit: records('key_rotation.requested'),
});
