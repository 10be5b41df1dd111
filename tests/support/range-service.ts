import { createHash } from 'node:crypto';
import {
  createServer as createPlainServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type ServerResponse,
} from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { aSelfSignedCertificate } from './self-signed-certificate.ts';

export interface RangeQuestion {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

export interface RangeService {
  readonly url: string;
  /** To believe its certificate; the name in it is `localhost`. */
  readonly ca: string;
  readonly asked: RangeQuestion[];
  leak(password: string, count?: number): void;
  /** Answers so from now on instead of properly. */
  misbehave(answer: ((response: ServerResponse) => void) | undefined): void;
  stop(): void;
}

export const sha1Of = (password: string): string => createHash('sha1').update(password).digest('hex').toUpperCase();

/** A service of leaked passwords as Pwned Passwords answers, padding included; over TLS unless asked otherwise. */
export async function aRangeService(options: { plain?: boolean } = {}): Promise<RangeService> {
  const { key, cert } = aSelfSignedCertificate('localhost');
  const asked: RangeQuestion[] = [];
  const leaked = new Map<string, number>();
  let instead: ((response: ServerResponse) => void) | undefined;
  const answer = async (request: IncomingMessage, response: ServerResponse) => {
    let body = '';
    for await (const chunk of request) body += String(chunk);
    asked.push({ method: request.method ?? '', path: request.url ?? '', headers: request.headers, body });
    if (instead) return instead(response);
    const prefix = request.url?.split('/').at(-1) ?? '';
    const lines = [...leaked]
      .filter(([hash]) => hash.startsWith(prefix))
      .map(([hash, count]) => `${hash.slice(5)}:${count}`);
    const padding = Array.from({ length: 800 }, (_, n) => `${sha1Of(`padding ${n}`).slice(5)}:0`);
    response.writeHead(200, { 'content-type': 'text/plain' }).end([...lines, ...padding].sort().join('\r\n'));
  };
  const server = options.plain ? createPlainServer(answer) : createServer({ key, cert }, answer);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `${options.plain ? 'http://127.0.0.1' : 'https://localhost'}:${(server.address() as AddressInfo).port}/range`,
    ca: cert,
    asked,
    leak: (password, count = 7) => leaked.set(sha1Of(password), count),
    misbehave(answer) {
      instead = answer;
    },
    stop() {
      server.closeAllConnections();
      server.close();
    },
  };
}
