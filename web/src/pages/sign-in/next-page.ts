/** Where to go after the sign-in: only a path of this site, never another address. */
export function nextPage(search: URLSearchParams): string {
  const next = search.get('next') ?? '/';
  return /^\/(?![/\\])/.test(next) ? next : '/';
}
