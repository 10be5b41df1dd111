import { boundedCache } from '../../lib/bounded-cache.ts';
import type { Clock } from '../../lib/clock.ts';
import { newId } from '../../lib/ids.ts';
import { Problem } from '../../lib/problem.ts';
import { createTurns, TooManyWaitingError } from '../../lib/turns.ts';
import type { Logger } from '../../platform/log/log.ts';
import type { UnauditedTx } from '../audit/tokens.ts';
import type { Transactions } from '../audit/transactions.types.ts';
import type { KeyRing } from '../crypto/key-ring.ts';
import { isOpaqueToken, newOpaqueToken, tokenHash, tokenPrefixes } from '../crypto/tokens.ts';
import { type BlockRow, blockHistory } from './block.repository.ts';
import { type Blocks, blockedProblem } from './blocks.ts';
import { addressKey } from './client-address.ts';
import {
  findDeviceCookie,
  forgetCookieFailures,
  insertDeviceCookie,
  removeDeviceCookies,
  renewDeviceCookie,
} from './device-cookie.repository.ts';
import {
  failAbandoned,
  failAttempt,
  findAccountFailures,
  forgetAccountFailures,
  forgive,
  type GuessKeys,
  insertAttempt,
  listAttempts,
  lockKeys,
  removeAttempt,
} from './guessing.repository.ts';
import type { GuessAttempt, Guessing, GuessSubject } from './guessing.types.ts';
import { createGuessingEffects } from './guessing-effects.ts';
import { guessingRules, verdictOn } from './guessing-rules.ts';
import { standingOf } from './guessing-standing.ts';
import { lockNumber, lockOfAddress } from './locks.ts';

export const DEVICE_COOKIE_DAYS = 180;
const DEVICE_COOKIE_MS = DEVICE_COOKIE_DAYS * 86_400_000;
const MOST_COOKIES_AN_ACCOUNT = 20;
/** Attempts at one account that wait for each other in this process; a crowd of strangers must not take all connections. */
const MOST_WAITING = 50;
const MOST_BLOCKED_COUNTED = 50_000;

/** See `Guessing`. */
export function createGuessing(deps: {
  transactions: Pick<Transactions, 'unowned'>;
  keyRing: Pick<KeyRing, 'pseudonym'>;
  blocks: Blocks;
  clock: Clock;
  log: Logger;
}): Guessing {
  const { transactions, keyRing, blocks, clock, log } = deps;
  const effects = createGuessingEffects({ log });
  const inTurn = createTurns(MOST_WAITING);
  /** Refusals counted here for each blocked address: past the mark they say nothing new, and a flood must not write rows. */
  const refusals = boundedCache<{ n: number }>(MOST_BLOCKED_COUNTED, clock);

  const write = <T>(work: (tx: UnauditedTx) => Promise<T>): Promise<T> => transactions.unowned('guess_counters', work);
  const accountName = (email: string): Buffer => keyRing.pseudonym('guessing/account', email.toLowerCase());

  function keysOf({ address, account, factor, deviceCookie }: GuessSubject): GuessKeys {
    const place = address === undefined ? null : addressKey(address);
    const name = account === undefined ? null : accountName(account);
    return {
      address: address === undefined || blocks.isExempt(address) ? null : place,
      account: name,
      pair:
        place === null || name === null
          ? null
          : keyRing.pseudonym('guessing/pair', `${place} ${name.toString('base64url')}`),
      factor: factor ?? null,
      cookie:
        name && deviceCookie !== undefined && isOpaqueToken(deviceCookie, tokenPrefixes.deviceCookie)
          ? tokenHash(deviceCookie)
          : null,
    };
  }

  async function reserve(subject: GuessSubject): Promise<GuessAttempt> {
    const claimed = keysOf(subject);
    const id = newId();
    const decide = () =>
      write(async (tx) => {
        await lockKeys(tx, locksOf(claimed));
        const now = clock.date();
        const abandonedBefore = new Date(now.getTime() - guessingRules.openMs);
        const abandoned = await failAbandoned(tx, claimed, abandonedBefore);
        const blocked = await effects.afterFailures(tx, abandoned, now);
        const cookie =
          claimed.cookie && claimed.account && (await findDeviceCookie(tx, claimed.cookie, claimed.account, now));
        // A cookie of another account, or one that is no longer good, is as none.
        const keys: GuessKeys = { ...claimed, cookie: cookie ? claimed.cookie : null };
        const since = new Date(now.getTime() - guessingRules.windowMs);
        const standing = standingOf({
          keys,
          attempts: await listAttempts(tx, keys, since),
          history: keys.address === null ? undefined : await blockHistory(tx, 'ip', keys.address, now, since),
          account: keys.account === null ? undefined : await findAccountFailures(tx, keys.account),
          cookie: cookie || undefined,
        });
        const verdict = verdictOn(standing, now.getTime());
        if (verdict.kind === 'pass') await insertAttempt(tx, id, 'open', keys, now);
        return { verdict, keys, blocked };
      });
    const name = claimed.account?.toString('latin1');
    const { verdict, keys, blocked } = await (name === undefined ? decide() : inTurn(name, decide)).catch(crowded);
    await announce(blocked);
    if (verdict.kind === 'pass') return attempt(id, keys);
    if (verdict.kind === 'wait') throw tooMany(verdict.ms);
    if (subject.address !== undefined) await refusedWhileBlocked(subject.address);
    if (verdict.kind === 'recovery') throw new Problem('recovery_needed');
    const { reason } = effects;
    throw blockedProblem({ scope: 'ip', kind: 'block', expires_at: new Date(verdict.until), reason }, clock.now());
  }

  function attempt(id: string, keys: GuessKeys): GuessAttempt {
    let isSettled = false;
    const once = () => {
      if (isSettled) throw new Error('an attempt has one verdict');
      isSettled = true;
    };
    return {
      async succeeded() {
        once();
        return write(async (tx) => {
          await forgive(tx, id, keys);
          // A factor says nothing of the password. A browser of the owner's does not clear what strangers did either: with every sign-in
          // of the owner's they would have a hundred guesses more.
          if (keys.factor !== null || keys.account === null) return 0;
          return keys.cookie ? forgetCookieFailures(tx, keys.cookie) : forgetAccountFailures(tx, keys.account);
        });
      },
      async failed() {
        once();
        const blocked = await write(async (tx) => {
          await lockKeys(tx, locksOf(keys));
          const now = clock.date();
          return (await failAttempt(tx, id, now)) ? effects.afterFailures(tx, [keys], now) : [];
        });
        await announce(blocked);
      },
      async withdrawn() {
        once();
        await write((tx) => removeAttempt(tx, id));
      },
    };
  }

  async function announce(created: readonly BlockRow[]): Promise<void> {
    for (const block of created) await blocks.announce(block);
  }

  async function refusedWhileBlocked(address: string): Promise<void> {
    if (blocks.isExempt(address)) return;
    const key = addressKey(address);
    const counted = refusals.get(key) ?? { n: 0 };
    if (counted.n >= guessingRules.attemptsToSuspect) return;
    if (counted.n === 0) refusals.set(key, counted, clock.now() + guessingRules.windowMs);
    counted.n += 1;
    await write(async (tx) => {
      const now = clock.date();
      await insertAttempt(
        tx,
        newId(),
        'refused',
        { address: key, account: null, pair: null, factor: null, cookie: null },
        now,
      );
      await effects.afterAttempt(tx, key, now);
    });
  }

  return {
    reserve,
    refusedWhileBlocked,
    async check(subject, look, onSuccess) {
      const open = await reserve(subject);
      let found: Awaited<ReturnType<typeof look>>;
      try {
        found = await look();
      } catch (error) {
        // Should that fail too, the attempt counts as a failure in a minute: the safe side.
        await open.withdrawn().catch(() => undefined);
        throw error;
      }
      if (found === null) await open.failed();
      else {
        const before = await open.succeeded();
        onSuccess?.(before);
      }
      return found;
    },
    async recovered(email) {
      const account = accountName(email);
      await write(async (tx) => {
        await forgetAccountFailures(tx, account);
        await removeDeviceCookies(tx, account);
      });
    },
    async rememberBrowser(email, deviceCookie) {
      const account = accountName(email);
      const now = clock.date();
      const expiresAt = new Date(now.getTime() + DEVICE_COOKIE_MS);
      return write(async (tx) => {
        if (deviceCookie !== undefined && isOpaqueToken(deviceCookie, tokenPrefixes.deviceCookie)) {
          const shown = { tokenHash: tokenHash(deviceCookie), account, now, expiresAt };
          if (await renewDeviceCookie(tx, shown)) return undefined;
        }
        const token = newOpaqueToken(tokenPrefixes.deviceCookie);
        const made = { tokenHash: tokenHash(token), account, now, expiresAt };
        await insertDeviceCookie(tx, made, MOST_COOKIES_AN_ACCOUNT);
        return token;
      });
    },
  };
}

function locksOf({ address, account }: GuessKeys): bigint[] {
  return [
    ...(address === null ? [] : [lockOfAddress(address)]),
    ...(account === null ? [] : [lockNumber(`account/${account.toString('base64url')}`)]),
  ];
}

const tooMany = (ms: number): Problem =>
  new Problem('too_many_requests', {
    detail: 'Too many attempts to sign in. Try again when the time in Retry-After has passed.',
    retryAfterSeconds: ms / 1000,
  });

function crowded(error: unknown): never {
  throw error instanceof TooManyWaitingError ? tooMany(1_000) : error;
}
