/**
 * What is remembered of each subject, of so many subjects at most. Two generations: what is touched moves to the young one; when that is full
 * the old one goes. So a flood of addresses that are each seen once cannot push out whoever keeps on, and making room costs nothing.
 */
export function keptStates<S>(most: number) {
  let young = new Map<string, S>();
  let old = new Map<string, S>();
  const aGeneration = Math.max(1, Math.floor(most / 2));

  return {
    /** The state of this key, made if there is none. */
    of(key: string, make: () => S): S {
      const known = young.get(key);
      if (known !== undefined) return known;
      const state = old.get(key) ?? make();
      old.delete(key);
      if (young.size >= aGeneration) {
        old = young;
        young = new Map();
      }
      young.set(key, state);
      return state;
    },
    /** The state of this key, if there is one. */
    find(key: string): S | undefined {
      return young.get(key) ?? old.get(key);
    },
    get size() {
      return young.size + old.size;
    },
  };
}
