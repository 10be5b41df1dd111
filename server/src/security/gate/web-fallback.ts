import type { FastifyReply, FastifyRequest } from 'fastify';
import type { WebFiles } from '../../platform/http/web-files.ts';
import { assetHeaders, htmlHeaders, newNonce } from '../shield/headers.ts';

const FOR_EVER = 'public, max-age=31536000, immutable';
const CHECK_FIRST = 'public, max-age=0, must-revalidate';

/** Serves the web interface where no endpoint answers; undefined means there is nothing of that name. */
export function webFallback(files: WebFiles) {
  return (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> | undefined => {
    const path = request.url.split('?', 1)[0] ?? '/';
    const file = files.file(path);
    if (file) {
      reply.headers({
        ...assetHeaders(),
        'cache-control': file.isImmutable ? FOR_EVER : CHECK_FIRST,
        etag: file.etag,
        vary: 'accept-encoding',
      });
      if (request.headers['if-none-match'] === file.etag) return Promise.resolve(reply.status(304).send());
      const isZipped = file.gzip !== undefined && /\bgzip\b/.test(request.headers['accept-encoding'] ?? '');
      if (isZipped) reply.header('content-encoding', 'gzip');
      return Promise.resolve(reply.type(file.contentType).send(isZipped ? file.gzip : file.body));
    }
    // Addresses of the interface are words and ids; anything that looks like a file or belongs to the API does not exist.
    if (path.startsWith('/api/') || path.startsWith('/assets/') || !/^(\/[A-Za-z0-9_-]*)+$/.test(path))
      return undefined;
    const nonce = newNonce();
    const page = files.page(nonce);
    return page && Promise.resolve(reply.headers(htmlHeaders(nonce)).type('text/html; charset=utf-8').send(page));
  };
}
