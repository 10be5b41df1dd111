import type { Clock } from './clock.ts';

/** Remembers at most `maxEntries` values, each until its time; the least recently used one makes room. */
export interface BoundedCache<V> {
  get(key: string): V | undefined;
  set(key: string, value: V, expiresAt: number): void;
  delete(key: string): void;
  clear(): void;
  readonly size: number;
}

export function boundedCache<V>(maxEntries: number, clock: Clock): BoundedCache<V> {
  // A Map keeps insertion order, so its first key is the least recently used as long as every use re-inserts.
  const entries = new Map<string, { readonly value: V; readonly expiresAt: number }>();
  return {
    get(key) {
      const entry = entries.get(key);
      if (entry === undefined) return undefined;
      entries.delete(key);
      if (entry.expiresAt <= clock.now()) return undefined;
      entries.set(key, entry);
      return entry.value;
    },
    set(key, value, expiresAt) {
      entries.delete(key);
      if (expiresAt <= clock.now()) return;
      if (entries.size >= maxEntries) {
        const oldest = entries.keys().next();
        if (!oldest.done) entries.delete(oldest.value);
      }
      entries.set(key, { value, expiresAt });
    },
    delete(key) {
      entries.delete(key);
    },
    clear() {
      entries.clear();
    },
    get size() {
      return entries.size;
    },
  };
}
