import { argon2Sync } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { describe, expect, it } from 'vitest';
import { createPasswordHashing, PasswordQueueFullError } from './password-hashing.ts';

describe('argon2id', () => {
  it('gives the tag of RFC 9106, section 5.3', () => {
    const tag = argon2Sync('argon2id', {
      message: Buffer.alloc(32, 1),
      nonce: Buffer.alloc(16, 2),
      secret: Buffer.alloc(8, 3),
      associatedData: Buffer.alloc(12, 4),
      memory: 32,
      passes: 3,
      parallelism: 4,
      tagLength: 32,
    });
    expect(tag.toString('hex')).toBe('0d640df58d78766c08c037a34a8b53c9d01ef0452d75b65eb52520e96b01e659');
  });

  it('verifies a hash made by the reference implementation', async () => {
    const { verify } = createPasswordHashing();
    // argon2's own test suite: 2 passes, 64 MiB, 1 lane, "password", "somesalt".
    const tag = Buffer.from('09316115d5cf24ed5a15a31a3ba326e5cf32edc24702987c02b6566f61913cf7', 'hex');
    const unpadded = (bytes: Buffer): string => bytes.toString('base64').replaceAll('=', '');
    const reference = `$argon2id$v=19$m=65536,t=2,p=1$${unpadded(Buffer.from('somesalt'))}$${unpadded(tag)}`;
    expect(await verify(reference, 'password')).toBe(true);
    expect(await verify(reference, 'Password')).toBe(false);
  });

  it.each([
    ['', 'nothing'],
    ['$argon2i$v=19$m=64,t=1,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAA', 'another variant'],
    ['$argon2id$v=19$m=1048576,t=1,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAA', 'a gibibyte of memory'],
    ['$argon2id$v=19$m=64,t=99,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAA', 'a minute of work'],
    ['$argon2id$v=19$m=64,t=1,p=9$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAA', 'many lanes'],
    ['$argon2id$v=19$m=4,t=1,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAA', 'less memory than argon2 allows'],
    ['$argon2id$v=19$m=64,t=1,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAA', 'a tag one could guess'],
  ])('does not obey a stored hash %j that asks for %s', async (stored) => {
    const { verify, needsRehash } = createPasswordHashing();
    await expect(verify(stored, 'x')).rejects.toThrow(/cannot be read/);
    expect(needsRehash(stored)).toBe(true);
  });

  it('verifies the right password only, and the same word however it was typed', async () => {
    const { hash, verify } = createPasswordHashing();
    const stored = await hash('caf\u00e9 au lait \u2603 tomorrow');
    expect(stored).toMatch(/^\$argon2id\$v=19\$m=65536,t=3,p=1\$/);
    expect(await verify(stored, 'cafe\u0301 au lait \u2603 tomorrow')).toBe(true);
    expect(await verify(stored, 'cafe au lait \u2603 tomorrow')).toBe(false);
  });

  it('refuses an unknown account after the same work as a wrong password', async () => {
    const { hash, verify } = createPasswordHashing();
    const stored = await hash('a perfectly good password');
    const time = async (of: string | null): Promise<number> => {
      const start = performance.now();
      expect(await verify(of, 'some other password')).toBe(false);
      return performance.now() - start;
    };
    await time(null);
    const [unknown, known] = [await time(null), await time(stored)];
    // Both derive a tag with 64 MiB; skipping it would be a hundred times faster, not twice.
    expect(unknown).toBeGreaterThan(known / 10);
  });

  it('wants a new hash for weaker parameters', () => {
    const { needsRehash } = createPasswordHashing();
    expect(
      needsRehash('$argon2id$v=19$m=4096,t=3,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA'),
    ).toBe(true);
  });

  const cheap = '$argon2id$v=19$m=64,t=1,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA';

  it('leaves a core to everything else while the server is at work, and takes it back afterwards', async () => {
    let [atWork, underWay] = [true, 0];
    const seen: number[] = [];
    const derive = async (): Promise<Buffer> => {
      underWay += 1;
      seen.push(underWay);
      await new Promise((resolve) => setTimeout(resolve, 2));
      underWay -= 1;
      return Buffer.alloc(32);
    };
    const { verify } = createPasswordHashing({ count: 4, countAtWork: 3, derive }, () => atWork);
    const verifyTwenty = () => Promise.all(Array.from({ length: 20 }, () => verify(cheap, 'x')));
    await verifyTwenty();
    expect(Math.max(...seen)).toBe(3);
    atWork = false;
    await verifyTwenty();
    expect(Math.max(...seen)).toBe(4);
    const afterwards = seen.length;
    const storm = verifyTwenty();
    atWork = true;
    await storm;
    expect(Math.max(...seen.slice(afterwards + 4))).toBe(3);
    expect(seen).toHaveLength(60);
  });

  it('takes a bounded number of waiting sign-ins and says when it is full', async () => {
    const { verify } = createPasswordHashing(undefined, () => false);
    const answers = await Promise.allSettled(Array.from({ length: 300 }, () => verify(cheap, 'x')));
    const refused = answers.filter((answer) => answer.status === 'rejected');
    expect(refused).toHaveLength(300 - 200 - Math.min(4, availableParallelism()));
    expect(refused[0]?.reason).toBeInstanceOf(PasswordQueueFullError);
    expect(await verify(cheap, 'x')).toBe(false);
  });
});
