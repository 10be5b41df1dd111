import type { Endpoint } from '@valtronics/contract';

type Scalar = string | number | boolean | null | undefined;

/** The address of an endpoint with its parameters filled in; empty values are left out of the query string. */
export function endpointUrl(
  endpoint: Pick<Endpoint, 'path' | 'root'>,
  params: Readonly<Record<string, unknown>> = {},
  query: Readonly<Record<string, Scalar>> = {},
): string {
  const path = endpoint.path.replace(/\{(\w+)\}/g, (_, key: string) => {
    const value = params[key];
    if (typeof value !== 'string' || value === '') throw new Error(`${endpoint.path} needs ${key}`);
    return encodeURIComponent(value);
  });
  const search = new URLSearchParams();
  for (const [key, value] of Object.entries(query)) {
    if (value !== undefined && value !== null && value !== '') search.set(key, String(value));
  }
  const text = search.toString();
  return `${endpoint.root ? '' : '/api/v1'}${path}${text ? `?${text}` : ''}`;
}
