import { argon2Sync } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { createPasswordHashing, PasswordQueueFullError } from './password-hashing.ts';
import { passwordFault } from './password-policy.ts';

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

  it('takes a bounded number of waiting sign-ins and says when it is full', async () => {
    const { verify } = createPasswordHashing();
    const cheap = '$argon2id$v=19$m=64,t=1,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA';
    const answers = await Promise.allSettled(Array.from({ length: 300 }, () => verify(cheap, 'x')));
    const refused = answers.filter((answer) => answer.status === 'rejected');
    expect(refused).toHaveLength(300 - 202);
    expect(refused[0]?.reason).toBeInstanceOf(PasswordQueueFullError);
    expect(await verify(cheap, 'x')).toBe(false);
  });
});

describe('password policy', () => {
  const account = { email: 'maria.lindqvist@example.org', name: 'Maria Lindqvist' };
  it.each(['correct horse battery', 'zwölf Boxkämpfer jagen', 'nurse night shift 7 lamps', '🌲🌊 a forest by the sea'])(
    'takes %j',
    (password) => {
      expect(passwordFault(password, account)).toBeUndefined();
    },
  );
  it.each([
    'short',
    'fourteen chars',
    'aaaaaaaaaaaaaaaaaaaa',
    'abcdefghijklmnopqrst',
    'Password123456789!',
    'qwertyuiop1234567890',
    'MariaLindqvist2026!',
    `${'long enough '.repeat(11)}`,
  ])('refuses %j', (password) => {
    expect(passwordFault(password, account)).toBeTypeOf('string');
  });
});
