import { type Agent, request } from 'node:http';

export interface Posted {
  readonly status: number | undefined;
  readonly retryAfter: string | undefined;
}

/** Telemetry of one device. Each address has a coarse limit of its own. */
export function postTelemetry(
  to: { readonly agent: Agent; readonly port: number; readonly localAddress: string },
  token: string,
  body: Buffer,
): Promise<Posted> {
  return new Promise((resolve, reject) => {
    const sent = request(
      {
        ...to,
        host: '127.0.0.1',
        method: 'POST',
        path: '/api/v1/telemetry',
        timeout: 30_000,
        headers: {
          authorization: `Bearer ${token}`,
          'content-type': 'application/json',
          'content-length': body.length,
        },
      },
      (response) => {
        response.resume();
        response.once('end', () =>
          resolve({ status: response.statusCode, retryAfter: response.headers['retry-after'] }),
        );
      },
    );
    sent.once('timeout', () => sent.destroy(new Error('no answer')));
    sent.once('error', reject);
    sent.end(body);
  });
}
