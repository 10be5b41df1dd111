import { lookup as systemLookup } from 'node:dns/promises';
import http from 'node:http';
import https from 'node:https';
import { isIP, type LookupFunction } from 'node:net';
import { OutboundError } from './outbound-error.ts';
import { isPublicAddress, targetPolicy } from './target-policy.ts';

export interface OutboundRequest {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly signal?: AbortSignal | undefined;
}

export interface OutboundQuestion {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  /** An answer with a longer body counts as a bad one. */
  readonly maxAnswerBytes: number;
  /** Instead of the usual one. */
  readonly timeoutMs?: number | undefined;
}

export interface Outbound {
  /** Why this URL can never be a target, or undefined. Looks at the text only; names are resolved when a request is made. */
  fault(url: string): string | undefined;
  /** Sends a POST and returns the status. Redirects are not followed; the answer's body is read up to a bound and dropped. */
  post(request: OutboundRequest): Promise<{ readonly status: number }>;
  /** Sends a GET and returns the status and the whole body. Redirects are not followed. */
  get(question: OutboundQuestion): Promise<{ readonly status: number; readonly body: Buffer }>;
}

export interface OutboundOptions {
  /** Networks and host names that may be private, and may be reached without TLS. */
  readonly allowList: readonly string[];
  readonly timeoutMs?: number;
  /** Certificate authorities instead of the system's, PEM. */
  readonly ca?: string;
  /** All addresses of a name. */
  readonly resolve?: (host: string) => Promise<readonly string[]>;
}

const TIMEOUT_MS = 10_000;
const MAX_ANSWER_BYTES = 65_536;
const MAX_HEADER_BYTES = 16_384;

/** HTTP requests to URLs that users or the settings gave. */
export function createOutbound(options: OutboundOptions): Outbound {
  const policy = targetPolicy(options.allowList);
  const resolve = options.resolve ?? resolveAll;
  const timeoutMs = options.timeoutMs ?? TIMEOUT_MS;

  function fault(text: string): string | undefined {
    const url = URL.canParse(text) ? new URL(text) : undefined;
    if (url === undefined || (url.protocol !== 'https:' && url.protocol !== 'http:')) return 'is not an https URL';
    if (url.username !== '' || url.password !== '') return 'holds a user name or password';
    const host = bareHost(url);
    const isAllowListed = policy.isHostAllowListed(host) || policy.isAddressAllowListed(host);
    if (isAllowListed) return undefined;
    if (isIP(host) !== 0 && !isPublicAddress(host)) return 'is not on the public internet and not allow-listed';
    // A name might still resolve to an allow-listed network, over which http is fine; that is decided with its addresses.
    if (url.protocol === 'http:' && isIP(host) !== 0) return 'is not https';
    return undefined;
  }

  /** Every address is checked, then the connection is made to one of these very addresses: a second answer of DNS has no say. */
  async function vettedAddress(url: URL): Promise<string> {
    const host = bareHost(url);
    const addresses = isIP(host) !== 0 ? [host] : await resolve(host);
    const [address] = addresses;
    if (address === undefined) throw new OutboundError('unreachable', 'the name of the target does not resolve');
    const isHostAllowListed = policy.isHostAllowListed(host);
    const areAllAllowListed = addresses.every((candidate) => policy.isAddressAllowListed(candidate));
    for (const candidate of addresses) {
      const isAllowed = isHostAllowListed || policy.isAddressAllowListed(candidate) || isPublicAddress(candidate);
      // Which address it was is not said: the answer would map the inside of the network.
      if (!isAllowed)
        throw new OutboundError('refused', 'the target is not on the public internet and not allow-listed');
    }
    if (url.protocol === 'http:' && !isHostAllowListed && !areAllAllowListed)
      throw new OutboundError('refused', 'the target is not https');
    return address;
  }

  /** One limit for all of it: name, connection, handshake, answer. */
  async function exchange(target: string, withinMs: number, exchanged: Exchange): Promise<Answer> {
    const problem = fault(target);
    if (problem !== undefined) throw new OutboundError('refused', `the target ${problem}`);
    const url = new URL(target);
    const timeout = AbortSignal.timeout(withinMs);
    const signal = exchanged.signal === undefined ? timeout : AbortSignal.any([timeout, exchanged.signal]);
    try {
      const address = await unlessAborted(vettedAddress(url), signal);
      return await send(url, address, { ...exchanged, signal }, options.ca);
    } catch (error) {
      if (timeout.aborted)
        throw new OutboundError('timeout', `the target did not answer within ${withinMs / 1000} s`, { cause: error });
      if (error instanceof OutboundError) throw error;
      throw new OutboundError('unreachable', `the target cannot be reached (${errorCode(error)})`, { cause: error });
    }
  }

  return {
    fault,

    async post({ url, headers, body, signal }) {
      // The status is all we come for: what lies beyond the bound is not waited for.
      const { status } = await exchange(url, timeoutMs, {
        method: 'POST',
        headers: { ...headers, 'content-length': Buffer.byteLength(body) },
        body,
        maxAnswerBytes: MAX_ANSWER_BYTES,
        signal,
      });
      return { status };
    },

    async get({ url, headers, maxAnswerBytes, timeoutMs: ownTimeoutMs = timeoutMs }) {
      const { status, body, isWhole } = await exchange(url, ownTimeoutMs, { method: 'GET', headers, maxAnswerBytes });
      if (!isWhole) throw new OutboundError('bad_answer', `the target answers with more than ${maxAnswerBytes} bytes`);
      return { status, body };
    },
  };
}

interface Exchange {
  readonly method: 'GET' | 'POST';
  readonly headers: Readonly<Record<string, string | number>>;
  readonly body?: string;
  readonly maxAnswerBytes: number;
  readonly signal?: AbortSignal | undefined;
}

interface Answer {
  readonly status: number;
  readonly body: Buffer;
  /** False when it was longer than asked for and reading stopped. */
  readonly isWhole: boolean;
}

function send(url: URL, address: string, exchanged: Exchange, ca: string | undefined): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  const pinned: LookupFunction = (_host, lookupOptions, callback) => {
    const family = isIP(address);
    if (lookupOptions.all) callback(null, [{ address, family }]);
    else callback(null, address, family);
  };
  const shared = {
    method: exchanged.method,
    headers: exchanged.headers,
    lookup: pinned,
    agent: false as const, // no kept connection, which another request could find pointing elsewhere
    signal: exchanged.signal,
    maxHeaderSize: MAX_HEADER_BYTES,
  };
  const outgoing =
    url.protocol === 'https:'
      ? https.request(url, { ...shared, minVersion: 'TLSv1.2', ...(ca === undefined ? {} : { ca }) })
      : http.request(url, shared);
  outgoing.on('error', reject);
  outgoing.on('response', (incoming) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    const finish = (isWhole: boolean): void => {
      resolve({ status: incoming.statusCode ?? 0, body: Buffer.concat(chunks), isWhole });
      outgoing.destroy();
    };
    incoming.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > exchanged.maxAnswerBytes) finish(false);
      else chunks.push(chunk);
    });
    incoming.on('end', () => finish(true));
    incoming.on('error', reject);
  });
  outgoing.end(exchanged.body);
  return promise;
}

async function resolveAll(host: string): Promise<readonly string[]> {
  const addresses = await systemLookup(host, { all: true, order: 'verbatim' });
  return addresses.map(({ address }) => address);
}

async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const abort = (): void => reject(signal.reason);
  signal.addEventListener('abort', abort, { once: true });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}

const bareHost = (url: URL): string => url.hostname.replace(/^\[(.*)\]$/, '$1');

function errorCode(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return typeof code === 'string' && /^[A-Z0-9_]{1,60}$/.test(code) ? code : 'no answer';
}
