import type { Clock } from './clock.ts';

/** Remembers at most `maxEntries` values, each until its time; what was not used for longest makes room. */
export interface BoundedCache<V> {
  get(key: string): V | undefined;
  set(key: string, value: V, expiresAt: number): void;
  delete(key: string): void;
  deleteWhere(matches: (value: V) => boolean): void;
  clear(): void;
  readonly size: number;
}

export function boundedCache<V>(maxEntries: number, clock: Clock): BoundedCache<V> {
  if (!Number.isSafeInteger(maxEntries) || maxEntries < 2) throw new RangeError('a cache holds two entries at least');
  interface Entry {
    readonly value: V;
    readonly expiresAt: number;
  }
  // Two generations: what is used moves to the young one, and when that is full the old one is dropped whole. So at least half of
  // `maxEntries` survive, the last used ones, and making room costs nothing: taking the first key out of one Map, again and again,
  // walks over all the holes at its front.
  let young = new Map<string, Entry>();
  let old = new Map<string, Entry>();
  const entriesAGeneration = Math.floor(maxEntries / 2);

  function remember(key: string, entry: Entry): void {
    old.delete(key);
    if (!young.has(key) && young.size >= entriesAGeneration) {
      old = young;
      young = new Map();
    }
    young.set(key, entry);
  }

  function forget(key: string): void {
    young.delete(key);
    old.delete(key);
  }

  return {
    get(key) {
      const known = young.get(key);
      const entry = known ?? old.get(key);
      if (entry === undefined) return undefined;
      if (entry.expiresAt <= clock.now()) {
        forget(key);
        return undefined;
      }
      if (known === undefined) remember(key, entry);
      return entry.value;
    },
    set(key, value, expiresAt) {
      if (expiresAt <= clock.now()) forget(key);
      else remember(key, { value, expiresAt });
    },
    delete: forget,
    deleteWhere(matches) {
      for (const generation of [young, old]) {
        for (const [key, { value }] of generation) if (matches(value)) generation.delete(key);
      }
    },
    clear() {
      young.clear();
      old.clear();
    },
    get size() {
      return young.size + old.size;
    },
  };
}
