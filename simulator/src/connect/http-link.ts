import http from 'node:http';
import https from 'node:https';
import { ingestReceipt } from '@valtronics/contract';
import {
  ConnectionLost,
  type DeviceLink,
  defaults,
  type LinkOptions,
  LinkRefused,
  MessageRefused,
  PushedBack,
  patienceMs,
} from './link.ts';
import { type Batch, createOutbox } from './outbox.ts';

export interface HttpLinkOptions extends LinkOptions {
  /** `https://host:8000` */
  readonly url: string;
}

interface Answer {
  readonly status: number;
  readonly retryAfter: string | undefined;
  readonly body: string;
}

/** More than any receipt of 5,000 points needs; a server that sends more is not ours. */
const MOST_ANSWER_BYTES = 4 * 1_048_576;

/** Retry-After is seconds or a date (RFC 9110). */
export function retryAfterMs(header: string | undefined, now: number = Date.now()): number | undefined {
  if (header === undefined) return undefined;
  return patienceMs(/^\d{1,9}$/.test(header.trim()) ? Number(header) : (Date.parse(header) - now) / 1000);
}

/** What the outbox should make of an answer. */
function judge({ status, retryAfter, body }: Answer): { rejected: number } {
  if (status === 200) {
    const receipt = ingestReceipt.safeParse(parseJson(body));
    if (!receipt.success) throw new Error('the server answered 200 with something that is no receipt');
    return { rejected: receipt.data.rejected.length };
  }
  if (status === 401 || status === 403) throw new LinkRefused(`the server refuses the device (HTTP ${status})`);
  if (status === 408 || status === 429 || status >= 500)
    throw new PushedBack(`the server asks for patience (HTTP ${status})`, retryAfterMs(retryAfter));
  throw new MessageRefused(`the server refuses a message (HTTP ${status}): ${body.slice(0, 300)}`);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Telemetry over HTTPS with one kept-alive connection: 200 says that the points are durable. */
export function openHttpLink(options: HttpLinkOptions): DeviceLink {
  const answerTimeoutMs = options.answerTimeoutMs ?? defaults.answerTimeoutMs;
  const url = new URL('/api/v1/telemetry', options.url);
  const secure = url.protocol === 'https:';
  const agentOptions = { keepAlive: true, maxSockets: 1, timeout: answerTimeoutMs };
  const agent = secure ? new https.Agent({ ...agentOptions, ca: options.ca }) : new http.Agent(agentOptions);
  const closed = new AbortController();

  function post(body: string): Promise<Answer> {
    const { promise, resolve, reject } = Promise.withResolvers<Answer>();
    const request = (secure ? https : http).request(
      url,
      {
        method: 'POST',
        agent,
        headers: {
          authorization: `Bearer ${options.token}`,
          'content-type': 'application/json',
          'content-length': Buffer.byteLength(body),
        },
        signal: AbortSignal.any([closed.signal, AbortSignal.timeout(answerTimeoutMs)]),
      },
      (response) => {
        const parts: Buffer[] = [];
        let bytes = 0;
        response.on('data', (part: Buffer) => {
          bytes += part.length;
          if (bytes > MOST_ANSWER_BYTES) request.destroy(new Error('the answer is too long'));
          else parts.push(part);
        });
        response.on('end', () =>
          resolve({
            status: response.statusCode ?? 0,
            retryAfter: response.headers['retry-after'],
            body: Buffer.concat(parts).toString('utf8'),
          }),
        );
        response.on('error', reject);
      },
    );
    request.on('error', reject);
    request.end(body);
    return promise;
  }

  const outbox = createOutbox({
    ...options,
    // One at a time: the order of the points is kept, and waiting points gather into larger messages.
    window: 1,
    deliver: async ({ points }: Batch) => judge(await post(`{"points":[${points.join(',')}]}`)),
  });
  return {
    send: outbox.send,
    flush: outbox.flush,
    onCommand: () => undefined,
    counts: () => ({ ...outbox.counts(), reconnects: 0 }),
    async close() {
      outbox.close(new ConnectionLost('the link is closed'));
      closed.abort();
      agent.destroy();
    },
  };
}
