import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';

// A real server that speaks S3 and keeps objects on the disk: s3rver. It verifies signatures and puts uploads of parts together.

type Listener = (request: IncomingMessage, response: ServerResponse) => void;
interface S3rver {
  configureBuckets(): Promise<unknown>;
  callback(): Listener;
}
const require = createRequire(import.meta.url);
const S3rver = require('@20minutes/s3rver') as new (options: object) => S3rver;
const signature = require('@20minutes/s3rver/lib/signature/v4') as {
  getStringToSign(request: { uri: string }, signed: unknown): string;
};
// It takes the slash behind a bucket out of what was signed, which the clients of today put there.
const { getStringToSign } = signature;
signature.getStringToSign = (request, signed) =>
  getStringToSign({ ...request, uri: /^\/[^/]+$/.test(request.uri) ? `${request.uri}/` : request.uri }, signed);

type Fault = 'error' | 'break' | 'cut' | 'hold';

export interface ObjectStore {
  /** As VALTRONICS_S3_URL wants it. */
  url(prefix?: string, secret?: string): string;
  readonly folder: string;
  readonly caFile: string | undefined;
  /** `METHOD query` of what was asked, in order. */
  readonly asked: string[];
  /** Answers the next request that it is told of with an error, or breaks its connection, or cuts or holds back the body of its answer. */
  fail(when: (request: IncomingMessage) => boolean, how: Fault, times?: number): void;
  stop(): Promise<void>;
}

export async function anObjectStore({ tls = false } = {}): Promise<ObjectStore> {
  const folder = mkdtempSync(join(tmpdir(), 'valtronics-s3-'));
  const store = new S3rver({ directory: folder, silent: true, configureBuckets: [{ name: 'backups', configs: [] }] });
  await store.configureBuckets();
  const handle = store.callback();
  const asked: string[] = [];
  const failing: { when: (request: IncomingMessage) => boolean; how: Fault; times: number }[] = [];
  const listener: Listener = (request, response) => {
    asked.push(`${request.method} ${request.url}`);
    const fault = failing.find(({ when, times }) => times > 0 && when(request));
    if (!fault) return handle(request, response);
    fault.times -= 1;
    if (fault.how === 'break') request.socket.destroy();
    else if (fault.how !== 'error') {
      halved(response, fault.how);
      handle(request, response);
    } else response.writeHead(503).end('<Error><Code>SlowDown</Code></Error>');
  };
  const certificate = tls ? aCertificate(folder) : undefined;
  const server = certificate ? createTlsServer(certificate, listener) : createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const stop = () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  onTestFinished(async () => {
    await stop();
    rmSync(folder, { recursive: true, force: true });
  });
  const caFile = certificate ? join(folder, 'ca.pem') : undefined;
  return {
    url: (prefix = '', secret = 'S3RVER') =>
      `${tls ? 'https' : 'http'}://S3RVER:${secret}@localhost:${port}/backups/${prefix}${caFile ? `?cacert=${caFile}` : ''}`,
    folder,
    caFile,
    asked,
    fail: (when, how, times = 1) => void failing.push({ when, how, times }),
    stop,
  };
}

/** Lets the head and the first block of an answer through. */
function halved(response: ServerResponse, how: 'cut' | 'hold'): void {
  const write = response.write.bind(response) as (block: unknown) => boolean;
  let blocks = 0;
  response.write = ((block: unknown) => {
    blocks += 1;
    if (blocks === 1) write(block);
    else if (how === 'cut') setTimeout(() => response.socket?.destroy(), 50);
    // Until there is room again, which there never is.
    return blocks === 1;
  }) as ServerResponse['write'];
}

function aCertificate(folder: string): { key: Buffer; cert: Buffer } {
  const [key, cert] = [join(folder, 'key.pem'), join(folder, 'ca.pem')];
  const made = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2'];
  const about = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost'];
  execFileSync('openssl', [...made, ...about, '-keyout', key, '-out', cert], { stdio: 'ignore' });
  return { key: readFileSync(key), cert: readFileSync(cert) };
}
