import { useSearchParams } from 'react-router';

/** The query string with some keys changed; empty values leave it. */
export function changeSearch(search: URLSearchParams, changes: Readonly<Record<string, string | null | undefined>>) {
  const next = new URLSearchParams(search);
  for (const [key, value] of Object.entries(changes)) {
    if (value === null || value === undefined || value === '') next.delete(key);
    else next.set(key, value);
  }
  return next;
}

/** One of some words out of the query string, or nothing. */
export function oneOf<T extends string>(allowed: readonly T[], text: string | null | undefined): T | undefined {
  return allowed.find((word) => word === text);
}

/** What is chosen on a page lives in its address: a reload, a link and the back button keep it. */
export function useSearchState() {
  const [search, setSearch] = useSearchParams();
  return {
    get: (key: string) => search.get(key) ?? undefined,
    set: (changes: Readonly<Record<string, string | null | undefined>>, { replace = true } = {}) =>
      setSearch((before) => changeSearch(before, changes), { replace, preventScrollReset: true }),
  };
}
