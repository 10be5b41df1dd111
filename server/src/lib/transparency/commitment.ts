import { hash, randomFillSync } from 'node:crypto';
import { createScratch } from './scratch.ts';

// SHA-256(salt ‖ value), in base64. What is hashed does not say where the salt ends, so a longer one could hold the beginning of a value, which
// would then be shown without it and still fit: a salt that is not as long as ours are commits to nothing.

const SALT_BYTES = 16;

const scratch = createScratch();

/** Asked for so many at once, since asking takes five microseconds. Each is given once. */
const ahead = Buffer.alloc(256 * SALT_BYTES);
let given = ahead.length;

/** 128 random bits, in base64. */
export function newSalt(): string {
  if (given === ahead.length) {
    randomFillSync(ahead);
    given = 0;
  }
  given += SALT_BYTES;
  return ahead.toString('base64', given - SALT_BYTES, given);
}

/** The salt as it is kept, in base64. */
export function commitmentOf(salt: string, value: string): string | undefined {
  // Neither is cut: a character of base64 is less than a byte, and one of UTF-16 at most three.
  const bytes = scratch.of(salt.length + 3 * value.length);
  if (bytes.write(salt, 'base64') !== SALT_BYTES) return undefined;
  return hash('sha256', scratch.first(SALT_BYTES + bytes.write(value, SALT_BYTES)), 'base64');
}

/** To a value in UTF-8, at `start` to before `end`. */
export function commitmentOfBytes(salt: string, value: Buffer, start: number, end: number): string | undefined {
  const bytes = scratch.of(salt.length + end - start);
  if (bytes.write(salt, 'base64') !== SALT_BYTES) return undefined;
  return hash('sha256', scratch.first(SALT_BYTES + value.copy(bytes, SALT_BYTES, start, end)), 'base64');
}
