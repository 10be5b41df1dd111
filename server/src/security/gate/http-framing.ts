import type { FastifyRequest } from 'fastify';

/** Where the body of such a request ends, another server might see differently (RFC 9112, 6.3). */
export function hasUnknownFraming({ headers }: FastifyRequest): boolean {
  const coding = headers['transfer-encoding'];
  return coding !== undefined && coding.toLowerCase() !== 'chunked';
}
