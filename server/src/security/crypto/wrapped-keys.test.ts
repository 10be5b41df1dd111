import { hash, randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { KeyWrapError } from './key-wrap.ts';
import type { RootKey } from './root-key.ts';
import { type KeyOwner, newKey, unwrapDataKey, unwrapEpochKey, wrapDataKey, wrapEpochKey } from './wrapped-keys.ts';

const aRootKey = (): RootKey => {
  const root = randomBytes(32).toString('hex');
  return { deriveKey: (purpose) => hash('sha256', `${root} ${purpose}`, 'buffer') };
};
const owners: fc.Arbitrary<KeyOwner> = fc.record({
  organisation: fc.option(fc.nat()),
  subject: fc.option(fc.string()),
});

test('an epoch key unwraps under its root key and as its epoch, and nowhere else', () => {
  fc.assert(
    fc.property(fc.nat(), fc.nat(), (epoch, other) => {
      fc.pre(epoch !== other);
      const [rootKey, key] = [aRootKey(), newKey()];
      const wrapped = wrapEpochKey(rootKey, epoch, key);
      expect(unwrapEpochKey(rootKey, epoch, wrapped)).toEqual(key);
      expect(() => unwrapEpochKey(rootKey, other, wrapped)).toThrow(KeyWrapError);
      expect(() => unwrapEpochKey(aRootKey(), epoch, wrapped)).toThrow(KeyWrapError);
    }),
  );
});

test('a data key unwraps in its epoch and for its owner, and nowhere else', () => {
  fc.assert(
    fc.property(owners, owners, (owner, other) => {
      fc.pre(owner.organisation !== other.organisation || owner.subject !== other.subject);
      const [epochKey, key] = [newKey(), newKey()];
      const wrapped = wrapDataKey(epochKey, owner, key);
      expect(unwrapDataKey(epochKey, owner, wrapped)).toEqual(key);
      expect(() => unwrapDataKey(epochKey, other, wrapped)).toThrow(KeyWrapError);
      expect(() => unwrapDataKey(newKey(), owner, wrapped)).toThrow(KeyWrapError);
    }),
  );
});
