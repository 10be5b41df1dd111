import { randomBytes, timingSafeEqual } from 'node:crypto';
import { mainThreadAtWork } from '../../lib/main-thread-load.ts';
import { createHashingThreads } from './hashing-threads.ts';
import type { Argon2Job } from './hashing-worker.ts';

/** argon2id with the 64 MiB and three passes of RFC 9106's second recommendation; one lane, since two cores are shared with ingest. */
const parameters = { memory: 65_536, passes: 3, parallelism: 1 } as const;
const SALT_BYTES = 16;
const TAG_BYTES = 32;
const MAX_WAITING = 200;
/** Of a stored hash: what is read from a row must not be able to ask for much more than we ever do. */
const MOST = { memory: 262_144, passes: 10, parallelism: 4 } as const;

export class PasswordQueueFullError extends Error {
  override readonly name = 'PasswordQueueFullError';
}

interface Parsed {
  readonly memory: number;
  readonly passes: number;
  readonly parallelism: number;
  readonly salt: Buffer;
  readonly tag: Buffer;
}

export interface PasswordHashing {
  hash(password: string): Promise<string>;
  /** `null` is verified against a hash nobody's password has, so an unknown account costs the same time. */
  verify(hash: string | null, password: string): Promise<boolean>;
  needsRehash(hash: string): boolean;
}

/**
 * Hashing costs 64 MiB and a core for a tenth of a second or more, so only as many run at once as there are cores (four at most), one core
 * fewer while the server is at work, and the rest wait in a bounded queue: a storm of sign-ins can neither exhaust memory nor take the
 * threads that everything else needs. A low priority alone does not do it: argon2id also takes the caches and the way to memory, and the
 * answers to devices took twice as long beside as many hashes as cores, at any priority.
 */
export function createPasswordHashing(
  threads = createHashingThreads(),
  isAtWork = mainThreadAtWork(),
): PasswordHashing {
  let running = 0;
  const waiting: (() => void)[] = [];
  const nobody = encode(randomBytes(SALT_BYTES), randomBytes(TAG_BYTES));

  const places = (): number => (isAtWork() ? threads.countAtWork : threads.count);

  async function inTurn<T>(work: () => Promise<T>): Promise<T> {
    // Who waits has somebody before them whose end calls the next, so nobody overtakes and nobody waits for ever.
    if (waiting.length > 0 || running >= places()) {
      if (waiting.length >= MAX_WAITING) throw new PasswordQueueFullError('too many sign-ins at once');
      await new Promise<void>((resolve) => waiting.push(resolve));
    } else running += 1;
    try {
      return await work();
    } finally {
      running -= 1;
      for (let free = places() - running; free > 0 && waiting.length > 0; free -= 1) {
        running += 1;
        waiting.shift()?.();
      }
    }
  }

  function tagOf(password: string, of: Omit<Argon2Job, 'message'>): Promise<Buffer> {
    // NFC, so that the same word typed on two keyboards is the same password (NIST SP 800-63B-4, 3.1.1.2).
    return inTurn(() => threads.derive({ ...of, message: new TextEncoder().encode(password.normalize('NFC')) }));
  }

  return {
    async hash(password) {
      const salt = randomBytes(SALT_BYTES);
      return encode(salt, await tagOf(password, { ...parameters, nonce: salt, tagLength: TAG_BYTES }));
    },
    async verify(hash, password) {
      const known = parse(hash ?? nobody);
      if (!known) throw new Error('a stored password hash cannot be read');
      const { salt, tag, memory, passes, parallelism } = known;
      const actual = await tagOf(password, { memory, passes, parallelism, nonce: salt, tagLength: tag.length });
      return timingSafeEqual(actual, tag) && hash !== null;
    },
    needsRehash(hash) {
      const known = parse(hash);
      return (
        !known ||
        known.memory < parameters.memory ||
        known.passes < parameters.passes ||
        known.salt.length < SALT_BYTES ||
        known.tag.length < TAG_BYTES
      );
    },
  };
}

const PHC = /^\$argon2id\$v=19\$m=(\d{1,7}),t=(\d{1,2}),p=(\d)\$([A-Za-z0-9+/]{11,86})\$([A-Za-z0-9+/]{22,86})$/;

/** The PHC string format, bounds included; undefined when the text is anything else. */
function parse(text: string): Parsed | undefined {
  const [, memory, passes, parallelism, salt, tag] = PHC.exec(text) ?? [];
  if (
    memory === undefined ||
    passes === undefined ||
    parallelism === undefined ||
    salt === undefined ||
    tag === undefined
  )
    return undefined;
  const parsed = { memory: Number(memory), passes: Number(passes), parallelism: Number(parallelism) };
  if (parsed.memory > MOST.memory || parsed.passes > MOST.passes || parsed.parallelism > MOST.parallelism)
    return undefined;
  // RFC 9106, 3.1: at least 8 KiB a lane.
  if (parsed.parallelism < 1 || parsed.passes < 1 || parsed.memory < 8 * parsed.parallelism) return undefined;
  return { ...parsed, salt: Buffer.from(salt, 'base64'), tag: Buffer.from(tag, 'base64') };
}

function encode(salt: Buffer, tag: Buffer): string {
  const unpadded = (bytes: Buffer): string => bytes.toString('base64').replaceAll('=', '');
  const { memory, passes, parallelism } = parameters;
  return `$argon2id$v=19$m=${memory},t=${passes},p=${parallelism}$${unpadded(salt)}$${unpadded(tag)}`;
}
