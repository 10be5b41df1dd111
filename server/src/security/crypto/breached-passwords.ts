import { createHash } from 'node:crypto';
import type { Clock } from '../../lib/clock.ts';
import { ConfigError } from '../../platform/config/config-error.ts';
import type { Logger } from '../../platform/log/log.ts';
import type { Outbound } from '../../platform/outbound/outbound.ts';

export interface BreachedPasswords {
  /** Whether the password is known to have leaked. False also when the service cannot say. */
  has(password: string): Promise<boolean>;
}

/** A form waits for the answer. */
const TIMEOUT_MS = 2_000;
/** A range with padding has about 1,000 lines of 40 bytes; the largest of a bigger list may be a few times that. */
const MAX_ANSWER_BYTES = 262_144;
const PREFIX_LENGTH = 5;
const LINE = /^([0-9A-Fa-f]{35}):(\d{1,10})$/;
const KEPT_RANGES = 16;
const KEEP_MS = 10 * 60_000;
const ONE_LINE_A_MS = 60_000;

interface Range {
  readonly suffixes: ReadonlySet<string>;
  readonly at: number;
}

/**
 * Asks a range service (the protocol of Pwned Passwords, which many lists are served by) whether a password leaked. What leaves this
 * machine are 20 of the 160 bits of its SHA-1, which about a thousand leaked passwords share and every other password as well; the
 * service can tell neither which one it was nor whether it was on the list, and padding hides the size of the answer from who only
 * sees the traffic. SHA-1 is an index here and protects nothing.
 *
 * It fails open: when the service is away, passwords are still chosen, and still held against the list and the rules we bring. The
 * alternative would let whoever breaks a line elsewhere stop every invitation, reset and change of password here, and a person who
 * cannot replace a stolen password is worse off than one who may choose a leaked one. What went unasked is in the log.
 */
export function createBreachedPasswords(deps: {
  /** Without a slash at its end. */
  url: string;
  outbound: Pick<Outbound, 'fault' | 'ask'>;
  clock: Clock;
  log: Logger;
}): BreachedPasswords {
  const { url, outbound, clock, log } = deps;
  const fault = outbound.fault(url);
  // A service that can never be asked must not look like one that is merely away.
  if (fault !== undefined)
    throw new ConfigError(
      'VALTRONICS_BREACHED_PASSWORDS_URL',
      fault,
      'use https, or name a private target in VALTRONICS_WEBHOOK_ALLOW',
    );
  const ranges = new Map<string, Range>();
  let unasked = 0;
  let saidAt = Number.NEGATIVE_INFINITY;

  async function rangeOf(prefix: string): Promise<ReadonlySet<string>> {
    const known = ranges.get(prefix);
    if (known !== undefined && clock.now() - known.at < KEEP_MS) return known.suffixes;
    const answer = await outbound.ask({
      method: 'GET',
      url: `${url}/${prefix}`,
      headers: { 'add-padding': 'true', 'user-agent': 'Valtronics', accept: 'text/plain' },
      maxBytes: MAX_ANSWER_BYTES,
      timeoutMs: TIMEOUT_MS,
    });
    if (answer.status !== 200) throw new Error(`the service answers with status ${answer.status}`);
    const suffixes = parseRange(answer.body.toString('latin1'));
    ranges.delete(prefix);
    ranges.set(prefix, { suffixes, at: clock.now() });
    // The oldest goes first: a map keeps the order in which things were put into it.
    for (const oldest of ranges.keys()) if (ranges.size > KEPT_RANGES) ranges.delete(oldest);
    return suffixes;
  }

  /** One line for a whole flood of failures, with how many there were since the last. */
  function say(error: unknown): void {
    unasked += 1;
    if (clock.now() - saidAt < ONE_LINE_A_MS) return;
    const reason = error instanceof Error ? error.message : 'unknown';
    log.warn({ reason, unasked }, 'the service of breached passwords gives no answer: not asked for these');
    saidAt = clock.now();
    unasked = 0;
  }

  return {
    async has(password) {
      // As it is hashed for storage, see password-hashing.ts.
      const hash = createHash('sha1').update(password.normalize('NFC')).digest('hex').toUpperCase();
      try {
        return (await rangeOf(hash.slice(0, PREFIX_LENGTH))).has(hash.slice(PREFIX_LENGTH));
      } catch (error) {
        say(error);
        return false;
      }
    },
  };
}

/** Lines of suffix and count. A count of 0 is padding. Anything else in it means that this is no such service. */
function parseRange(text: string): ReadonlySet<string> {
  const suffixes = new Set<string>();
  for (const line of text.split(/\r?\n/)) {
    if (line === '') continue;
    const [, suffix, count] = LINE.exec(line) ?? [];
    if (suffix === undefined) throw new Error('the service answers with something else than a range');
    if (Number(count) > 0) suffixes.add(suffix.toUpperCase());
  }
  return suffixes;
}
