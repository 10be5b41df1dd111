import http from 'node:http';
import https from 'node:https';
import { isIP, type LookupFunction } from 'node:net';
import { connectionFault } from './connection-fault.ts';
import { OutboundError } from './outbound-error.ts';
import { type TlsIdentity, tlsOptions } from './tls-identity.ts';
import { unlessAborted } from './unless-aborted.ts';
import { createVetting, type VettingOptions } from './vetting.ts';

export interface OutboundRequest {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly signal?: AbortSignal | undefined;
}

export interface OutboundQuestion {
  readonly url: string;
  readonly method: 'GET' | 'POST';
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | undefined;
  /** A longer answer is no answer. */
  readonly maxBytes: number;
  /** For all of it; ten seconds unless told. */
  readonly timeoutMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly tls?: TlsIdentity | undefined;
}

export interface OutboundAnswer {
  readonly status: number;
  readonly contentType: string | undefined;
  readonly body: Buffer<ArrayBuffer>;
}

export interface Outbound {
  /** Why this URL can never be a target, or undefined. Looks at the text only; names are resolved when a request is made. */
  fault(url: string): string | undefined;
  /** Sends a POST and returns the status. Redirects are not followed; the answer's body is read up to a bound and dropped. */
  post(request: OutboundRequest): Promise<{ readonly status: number }>;
  /** Sends a request whose answer matters. Redirects are not followed: the caller meets their status. */
  ask(question: OutboundQuestion): Promise<OutboundAnswer>;
}

export interface OutboundOptions extends VettingOptions {
  readonly timeoutMs?: number;
  /** Certificate authorities instead of the system's, PEM. */
  readonly ca?: string;
}

const TIMEOUT_MS = 10_000;
const MAX_ANSWER_BYTES = 65_536;
const MAX_HEADER_BYTES = 16_384;

/** HTTP requests to URLs that users gave. */
export function createOutbound(options: OutboundOptions): Outbound {
  const vetting = createVetting(options);
  const timeoutMs = options.timeoutMs ?? TIMEOUT_MS;

  function fault(text: string): string | undefined {
    const url = URL.canParse(text) ? new URL(text) : undefined;
    if (url === undefined || (url.protocol !== 'https:' && url.protocol !== 'http:')) return 'is not an https URL';
    if (url.username !== '' || url.password !== '') return 'holds a user name or password';
    return vetting.fault(bareHost(url), url.protocol === 'https:');
  }

  /** One limit for all of it: name, connection, handshake, answer. */
  async function within(milliseconds: number, exchange: Exchange): Promise<OutboundAnswer> {
    const problem = fault(exchange.url);
    if (problem !== undefined) throw new OutboundError('refused', `the target ${problem}`);
    const url = new URL(exchange.url);
    const timeout = AbortSignal.timeout(milliseconds);
    const signal = exchange.signal === undefined ? timeout : AbortSignal.any([timeout, exchange.signal]);
    try {
      const address = await unlessAborted(vetting.addressOf(bareHost(url), url.protocol === 'https:'), signal);
      return await exchangeWith(address, url, { ...exchange, tls: exchange.tls ?? { ca: options.ca } }, signal);
    } catch (error) {
      if (timeout.aborted)
        throw new OutboundError('timeout', `the target did not answer within ${milliseconds / 1000} s`, {
          cause: error,
        });
      throw connectionFault(error);
    }
  }

  return {
    fault,
    async post(request) {
      // The status is all we came for: what is too long is cut.
      const how = { method: 'POST', maxBytes: MAX_ANSWER_BYTES, whenTooLong: 'cut' } as const;
      const { status } = await within(timeoutMs, { ...request, ...how });
      return { status };
    },
    ask: (question) => within(question.timeoutMs ?? timeoutMs, { ...question, whenTooLong: 'fail' }),
  };
}

interface Exchange extends OutboundQuestion {
  readonly whenTooLong: 'cut' | 'fail';
}

function exchangeWith(address: string, url: URL, exchange: Exchange, signal: AbortSignal): Promise<OutboundAnswer> {
  const { promise, resolve, reject } = Promise.withResolvers<OutboundAnswer>();
  const pinned: LookupFunction = (_host, lookupOptions, callback) => {
    const family = isIP(address);
    if (lookupOptions.all) callback(null, [{ address, family }]);
    else callback(null, address, family);
  };
  const { method, body } = exchange;
  const shared = {
    method,
    headers: { ...exchange.headers, ...(body === undefined ? {} : { 'content-length': Buffer.byteLength(body) }) },
    lookup: pinned,
    agent: false as const, // no kept connection, which another request could find pointing elsewhere
    signal,
    maxHeaderSize: MAX_HEADER_BYTES,
  };
  const outgoing =
    url.protocol === 'https:'
      ? https.request(url, { ...shared, minVersion: 'TLSv1.2', ...tlsOptions(exchange.tls) })
      : http.request(url, shared);
  outgoing.on('error', reject);
  outgoing.on('response', (incoming) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    const finish = (): void => {
      const contentType = incoming.headers['content-type'];
      resolve({ status: incoming.statusCode ?? 0, contentType, body: Buffer.concat(chunks) });
      outgoing.destroy();
    };
    incoming.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes <= exchange.maxBytes) chunks.push(chunk);
      else if (exchange.whenTooLong === 'cut') finish();
      else {
        reject(new OutboundError('bad_answer', 'the answer of the target is too long'));
        outgoing.destroy();
      }
    });
    incoming.on('end', finish);
    incoming.on('error', reject);
  });
  outgoing.end(body);
  return promise;
}

const bareHost = (url: URL): string => url.hostname.replace(/^\[(.*)\]$/, '$1');
