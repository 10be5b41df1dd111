import type { Endpoint } from '@valtronics/contract';

/** `/devices/{id}` of the contract as Fastify writes it, below `/api/v1` unless it belongs to the root. */
export const urlOf = (endpoint: Endpoint): string =>
  `${endpoint.root ? '' : '/api/v1'}${endpoint.path.replaceAll(/\{(\w+)\}/g, ':$1')}`;
