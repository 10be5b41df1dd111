import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { extname, join, relative } from 'node:path';
import { gzipSync } from 'node:zlib';

export interface WebFile {
  readonly contentType: string;
  readonly body: Buffer;
  readonly gzip: Buffer | undefined;
  readonly etag: string;
  /** Its name holds a hash of its content, so it may be kept for ever. */
  readonly isImmutable: boolean;
}

export interface WebFiles {
  file(path: string): WebFile | undefined;
  /** The page of every address that is not a file; `nonce` takes the place of the marker in it. */
  page(nonce: string): Buffer | undefined;
}

const contentTypes: Readonly<Record<string, string>> = {
  '.css': 'text/css; charset=utf-8',
  '.html': 'text/html; charset=utf-8',
  '.ico': 'image/x-icon',
  '.js': 'text/javascript; charset=utf-8',
  '.json': 'application/json; charset=utf-8',
  '.png': 'image/png',
  '.svg': 'image/svg+xml',
  '.txt': 'text/plain; charset=utf-8',
  '.webmanifest': 'application/manifest+json',
  '.woff2': 'font/woff2',
};
const NONCE_MARKER = '__CSP_NONCE__';
const SMALL = 1_024;

/**
 * The built web interface, read once at the start. Only names found then, of known types, are ever answered: no path of a request
 * reaches the file system, so there is nothing to traverse, and dot, backup and source map files are not there at all.
 */
export function loadWebFiles(folder: string): WebFiles {
  const files = new Map<string, WebFile>();
  if (existsSync(folder)) {
    for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
      const contentType = contentTypes[extname(entry.name)];
      const path = `/${relative(folder, join(entry.parentPath, entry.name)).replaceAll('\\', '/')}`;
      if (!entry.isFile() || contentType === undefined || /(^|\/)[.~]|~$/.test(path)) continue;
      const body = readFileSync(join(entry.parentPath, entry.name));
      const gzip =
        body.length > SMALL && !/^(image\/png|font)/.test(contentType) ? gzipSync(body, { level: 9 }) : undefined;
      const etag = `"${createHash('sha256').update(body).digest('base64url').slice(0, 22)}"`;
      files.set(path, { contentType, body, gzip, etag, isImmutable: path.startsWith('/assets/') });
    }
  }
  const html = files.get('/index.html')?.body.toString('utf8');
  files.delete('/index.html');
  return {
    file: (path) => files.get(path),
    page: (nonce) => (html === undefined ? undefined : Buffer.from(html.replaceAll(NONCE_MARKER, nonce))),
  };
}
