import type { FastifyReply, FastifyRequest } from 'fastify';
import type { WebFile, WebFiles } from '../../platform/http/web-files.ts';
import { assetHeaders, htmlHeaders, newNonce } from '../shield/headers.ts';

export type Served = 'file' | 'page' | false;

const FOR_EVER = 'public, max-age=31536000, immutable';
const CHECK_FIRST = 'public, max-age=0, must-revalidate';

/** Serves the web interface where no endpoint answers: a file, or the page of every address; false means there is nothing of that name. */
export function webFallback(files: WebFiles) {
  return (request: FastifyRequest, reply: FastifyReply): Served => {
    const path = request.url.split('?', 1)[0] ?? '/';
    const file = files.file(path);
    if (file) {
      sendFile(file, request, reply);
      return 'file';
    }
    // Addresses of the interface are words and ids; anything that looks like a file or belongs to the API does not exist.
    if (/^\/(api|assets)(\/|$)/i.test(path) || !/^(?:\/[A-Za-z0-9_-]+)*\/?$/.test(path)) return false;
    const nonce = newNonce();
    const page = files.page(nonce);
    if (!page) return false;
    reply.headers(htmlHeaders(nonce)).type('text/html; charset=utf-8').send(page);
    return 'page';
  };
}

function sendFile(file: WebFile, request: FastifyRequest, reply: FastifyReply): void {
  const cacheControl = file.isImmutable ? FOR_EVER : CHECK_FIRST;
  reply.headers({ ...assetHeaders(), 'cache-control': cacheControl, etag: file.etag, vary: 'accept-encoding' });
  if (request.headers['if-none-match'] === file.etag) {
    reply.status(304).send();
    return;
  }
  const zipped = /\bgzip\b/.test(request.headers['accept-encoding'] ?? '') ? file.gzip : undefined;
  if (zipped) reply.header('content-encoding', 'gzip');
  reply.type(file.contentType).send(zipped ?? file.body);
}
