import { type Agent, request as httpsRequest } from 'node:https';
import type { Answer, CallOptions } from './app.ts';

/** One request over TLS to a server on this machine, whatever it answers. */
export function send(
  to: { agent: Agent; ca: Buffer; port: number },
  method: string,
  path: string,
  options: CallOptions,
): Promise<Answer> {
  const body = options.rawBody ?? (options.body === undefined ? undefined : JSON.stringify(options.body));
  return new Promise((resolve, reject) => {
    const request = httpsRequest(
      {
        ...to,
        host: '127.0.0.1',
        servername: 'localhost',
        method,
        path,
        ...(options.from === undefined ? {} : { localAddress: options.from }),
        headers: {
          ...(body === undefined
            ? {}
            : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }),
          ...(options.token === undefined ? {} : { authorization: `Bearer ${options.token}` }),
          ...(options.cookie === undefined ? {} : { cookie: options.cookie }),
          ...options.headers,
        },
        timeout: options.timeoutMs ?? 50_000,
      },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('end', () => {
          const text = Buffer.concat(chunks).toString(options.binary ? 'latin1' : 'utf8');
          const isJson = /[/+]json/.test(response.headers['content-type'] ?? '') && text !== '';
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            json: isJson ? JSON.parse(text) : undefined,
            text,
          });
        });
        response.on('error', reject);
      },
    );
    request.on('error', reject);
    request.on('timeout', () => request.destroy(new Error('timeout')));
    request.end(body);
  });
}
