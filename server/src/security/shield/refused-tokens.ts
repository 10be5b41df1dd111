import { boundedCache } from '../../lib/bounded-cache.ts';
import type { Clock } from '../../lib/clock.ts';
import type { Transactions } from '../audit/transactions.types.ts';
import { tokenHash } from '../crypto/tokens.ts';
import { addressKey } from './client-address.ts';
import { guessingRules } from './guessing-rules.ts';
import { countRefusedToken } from './refused-token.repository.ts';

export interface RefusedTokens {
  /** Whether this token was refused so often at this address that looking it up again is idle. */
  isKnownBad(address: string, token: string): boolean;
  /** Counts a token that belongs to nobody, with the device it was shown for if one was claimed. */
  refused(address: string, token: string, deviceId?: string): Promise<void>;
}

const MOST_ADDRESSES = 20_000;
const MOST_TOKENS_AN_ADDRESS = 500;

/**
 * Device tokens that belong to nobody, by address and token: after the fifth failure within the hour the token is refused unverified
 * for the rest of it. A stale token behind a hospital's address so costs the hospital nothing: neither its other devices nor the people
 * who sign in there are counted with it, and the same device is let in at once when it is given a good token.
 *
 * That this never blocks an address is safe because a device token is 256 random bits: at any rate a network can carry, the chance of
 * a hit stays below 2^-190. And a token that is unknown once never becomes good later, so the refusal from memory is no guess either.
 * What remains is load. Each refused token costs its address 21 of the coarse allowance (500/s), so at most some 24 look-ups and rows
 * a second, and one row an hour for a token that is shown again and again.
 */
export function createRefusedTokens(deps: {
  transactions: Pick<Transactions, 'unowned'>;
  clock: Clock;
}): RefusedTokens {
  const { transactions, clock } = deps;
  // By address first: for the many addresses with nothing against them the question costs no hash.
  const bad = boundedCache<Set<string>>(MOST_ADDRESSES, clock);

  return {
    isKnownBad(address, token) {
      return bad.get(addressKey(address))?.has(tokenHash(token).toString('latin1')) === true;
    },
    async refused(address, token, deviceId) {
      const key = addressKey(address);
      const hash = tokenHash(token);
      const now = clock.now();
      const shown = { address: key, tokenHash: hash, deviceId: deviceId ?? null, now: new Date(now) };
      const since = new Date(now - guessingRules.windowMs);
      const failures = await transactions.unowned('guess_counters', (tx) => countRefusedToken(tx, shown, since));
      if (failures < guessingRules.failuresToBlock) return;
      const known = bad.get(key) ?? new Set<string>();
      if (known.size < MOST_TOKENS_AN_ADDRESS) known.add(hash.toString('latin1'));
      bad.set(key, known, now + guessingRules.windowMs);
    },
  };
}
