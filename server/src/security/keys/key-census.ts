import { existsSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import type { Clock } from '../../lib/clock.ts';
import type { Logger } from '../../platform/log/log.ts';
import type { DataKeyRotation } from './data-key-rotation.ts';
import type { KeyStoreCopies } from './key-store-copies.ts';
import type { KeyStores } from './open-key-store.ts';
import type { Resealing } from './resealing.ts';
import { KeyStoreError } from './subject-key.repository.ts';

// How many values each epoch has sealed can only be told by reading them all, which takes long where much is sealed and is no work for a request. So it is
// counted beside the requests, when somebody looks and never twice at once, and whoever looks gets what was counted last.

const FRESH_MS = 15_000;
/** A count that took long is repeated the less often: it has at most this share of the time. */
const REST = 10;
/** So long the first one to look waits for figures. */
const PATIENCE_MS = 2_000;

/** `none`: nothing is sealed for a person yet. `unusable`: the file is another store, or damaged. */
export type KeyStoreState = 'none' | 'present' | 'missing' | 'unusable';

export interface KeyCount {
  readonly at: Date;
  /** Sealed values, by epoch. */
  readonly values: ReadonlyMap<number, number>;
  /** Undefined where there was no key store to count in. */
  readonly store: { readonly keys: ReadonlyMap<number, number>; readonly destroyed: number } | undefined;
  /** Whole ones; undefined where they cannot be looked at. */
  readonly copies: { readonly count: number; readonly newest: Date | undefined } | undefined;
}

export interface KeyCensus {
  /** What was counted last; undefined as long as nothing was. */
  look(): Promise<KeyCount | undefined>;
  /** Now. */
  storeState(): Promise<KeyStoreState>;
  /** After the count under way. */
  stop(): Promise<void>;
}

export function createKeyCensus(deps: {
  readonly resealing: Pick<Resealing, 'countByEpoch'>;
  readonly rotation: Pick<DataKeyRotation, 'progress'>;
  readonly keyStores: Pick<KeyStores, 'existing'>;
  readonly keyStoreFile: string;
  readonly copies: Pick<KeyStoreCopies, 'list'>;
  readonly clock: Clock;
  readonly log: Pick<Logger, 'error'>;
}): KeyCensus {
  const { resealing, rotation, keyStores, keyStoreFile, copies, clock, log } = deps;
  let last: KeyCount | undefined;
  let restUntil = Number.NEGATIVE_INFINITY;
  let counting: Promise<void> | undefined;
  let countedIn = rotation.progress().state;
  let isStopped = false;

  async function countStore(): Promise<KeyCount['store']> {
    try {
      const store = await keyStores.existing();
      if (store === undefined) return { keys: new Map(), destroyed: 0 };
      return { keys: await store.countByEpoch(), destroyed: (await store.listDestroyed()).length };
    } catch (error) {
      if (error instanceof KeyStoreError) return undefined;
      throw error;
    }
  }

  async function countCopies(): Promise<KeyCount['copies']> {
    try {
      const whole = (await copies.list()).filter(({ isWhole }) => isWhole);
      return { count: whole.length, newest: whole[0]?.at };
    } catch (error) {
      log.error({ err: error }, 'copies of the key store cannot be looked at');
      return undefined;
    }
  }

  async function count(): Promise<void> {
    const began = clock.now();
    countedIn = rotation.progress().state;
    try {
      last = {
        at: new Date(began),
        values: await resealing.countByEpoch(),
        store: await countStore(),
        copies: await countCopies(),
      };
    } catch (error) {
      log.error({ err: error }, 'what each key epoch has sealed was not counted');
    }
    restUntil = clock.now() + Math.max(FRESH_MS, (clock.now() - began) * REST);
  }

  return {
    async look() {
      // What a rotation has just begun or ended makes the figures of before untrue.
      const isDue = clock.now() >= restUntil || rotation.progress().state !== countedIn;
      if (isDue && !isStopped)
        counting ??= count().finally(() => {
          counting = undefined;
        });
      if (last === undefined && counting !== undefined) {
        const over = new AbortController();
        const patience = delay(PATIENCE_MS, undefined, { signal: over.signal }).catch(() => undefined);
        await Promise.race([counting, patience]);
        over.abort();
      }
      return last;
    },

    async storeState() {
      try {
        if ((await keyStores.existing()) === undefined) return 'none';
        // Open it may be while its file was taken away.
        return existsSync(keyStoreFile) ? 'present' : 'missing';
      } catch (error) {
        if (!(error instanceof KeyStoreError)) throw error;
        return existsSync(keyStoreFile) ? 'unusable' : 'missing';
      }
    },

    async stop() {
      isStopped = true;
      await counting;
    },
  };
}
