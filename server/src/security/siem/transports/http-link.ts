import type { Clock } from '../../../lib/clock.ts';
import type { Outbound, OutboundAnswer } from '../../../platform/outbound/outbound.ts';
import { OutboundError } from '../../../platform/outbound/outbound-error.ts';
import type { TlsIdentity } from '../../../platform/outbound/tls-identity.ts';
import { signedHeaders } from '../../crypto/webhook-signature.ts';
import type { Destination, StoredEvent } from '../destination.ts';
import { renderWithin } from '../formats/format.ts';
import type { Link } from './link.ts';

const ANSWER_WITHIN_MS = 30_000;
const MAX_ANSWER_BYTES = 1_048_576;
/** Of one event; more than any has. */
const MAX_EVENT_BYTES = 65_536;
const TOO_LARGE = 413;

export interface HttpLinkOptions {
  readonly outbound: Pick<Outbound, 'ask'>;
  readonly destination: Pick<Destination, 'id' | 'kind' | 'format' | 'target' | 'batch' | 'index'>;
  readonly secret: string;
  readonly tls: TlsIdentity;
  readonly host: string;
  readonly clock: Clock;
}

interface Shape {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** How many the receiver will never take, or an error when it took not everything else. */
  judge(answer: OutboundAnswer): number;
}

/** Receivers that acknowledge: what they took is theirs, what they did not take they get again. */
export function createHttpLink(options: HttpLinkOptions): Link {
  const { outbound, destination, tls } = options;

  async function send(events: readonly StoredEvent[], signal: AbortSignal): ReturnType<Link['send']> {
    const { url, headers, body, judge } = shapes[destination.kind](options, events);
    const answer = await outbound.ask({
      url,
      method: 'POST',
      headers: { 'user-agent': 'Valtronics', ...headers },
      body,
      maxBytes: MAX_ANSWER_BYTES,
      timeoutMs: ANSWER_WITHIN_MS,
      signal,
      tls,
    });
    if (answer.status === TOO_LARGE && events.length > 1) {
      // In order: the second half goes only after the first has arrived.
      const middle = Math.ceil(events.length / 2);
      const first = await send(events.slice(0, middle), signal);
      const second = await send(events.slice(middle), signal);
      return { ...second, refused: first.refused + second.refused };
    }
    if (answer.status < 200 || answer.status > 299)
      throw new OutboundError('bad_answer', `the target answered ${answer.status}${meaningOf(answer.status)}`);
    return { refused: judge(answer), answer: `answered ${answer.status}` };
  }

  return {
    acknowledges: true,
    connect: async () => undefined,
    send,
    fault: () => undefined,
    confirm: async () => undefined,
    close: async () => undefined,
  };
}

const shapes: Record<Destination['kind'], (options: HttpLinkOptions, events: readonly StoredEvent[]) => Shape> = {
  https: signedBatch,
  splunk_hec: splunkBatch,
  elasticsearch_bulk: bulk,
  syslog_tls: notHttp,
  file: notHttp,
};

/** Standard Webhooks: the receiver can tell that it is from us, unaltered and not an old one again. */
function signedBatch({ destination, secret, clock }: HttpLinkOptions, events: readonly StoredEvent[]): Shape {
  const lines = events.map(({ event }) => renderWithin(destination.format, event, MAX_EVENT_BYTES));
  const isArray = destination.batch === 'array';
  const items = destination.format === 'cef' ? lines.map((line) => JSON.stringify(line)) : lines;
  const body = isArray ? `[${items.join(',')}]` : `${lines.join('\n')}\n`;
  const text = destination.format === 'cef' ? 'text/plain; charset=utf-8' : 'application/x-ndjson';
  // The same events have the same id when they are sent again, so a receiver can tell.
  const id = `${destination.id}.${events[0]?.position}-${events.at(-1)?.position}`;
  return {
    url: destination.target,
    headers: {
      'content-type': isArray ? 'application/json' : text,
      ...signedHeaders(secret, id, Math.floor(clock.now() / 1000), body),
    },
    body,
    judge: () => 0,
  };
}

function splunkBatch({ destination, secret, host }: HttpLinkOptions, events: readonly StoredEvent[]): Shape {
  const { format, index, target } = destination;
  const meta = {
    host,
    source: 'valtronics',
    sourcetype: format === 'cef' ? 'cef' : '_json',
    ...(index === null ? {} : { index }),
  };
  const body = events.map(({ event }) => {
    const text = renderWithin(format, event, MAX_EVENT_BYTES);
    const start = JSON.stringify({ time: event.at.getTime() / 1000, ...meta }).slice(0, -1);
    return `${start},"event":${format === 'cef' ? JSON.stringify(text) : text}}`;
  });
  return {
    url: below(target, '/services/collector/event'),
    headers: { 'content-type': 'application/json', authorization: `Splunk ${secret}` },
    body: body.join('\n'),
    judge(answer) {
      const { code, text } = jsonOf(answer) as { code?: unknown; text?: unknown };
      if (code === 0) return 0;
      throw new OutboundError('bad_answer', `the collector answered code ${shown(code)}: ${shown(text)}`);
    },
  };
}

/** Each event under its own id, so what is sent again is there once. */
function bulk({ destination, secret }: HttpLinkOptions, events: readonly StoredEvent[]): Shape {
  const index = destination.index ?? 'logs-valtronics.security-default';
  const body = events.map(({ event }) => {
    const action = JSON.stringify({ create: { _index: index, _id: event.id } });
    return `${action}\n${renderWithin(destination.format, event, MAX_EVENT_BYTES)}\n`;
  });
  return {
    url: `${below(destination.target, '/_bulk')}?filter_path=errors,items.*.status,items.*.error.type`,
    headers: { 'content-type': 'application/x-ndjson', authorization: `ApiKey ${secret}` },
    body: body.join(''),
    judge: (answer) => judgeBulk(answer, events.length),
  };
}

/** 409: it was there already. 429 and what begins with 5 is a matter of time, so all of them go again. Else it will never fit. */
function judgeBulk(answer: OutboundAnswer, expected: number): number {
  const { errors, items } = jsonOf(answer) as { errors?: unknown; items?: unknown };
  const statuses = Array.isArray(items)
    ? items.map((item: { create?: { status?: unknown; error?: { type?: unknown } } }) => item?.create)
    : [];
  if (typeof errors !== 'boolean' || statuses.length !== expected)
    throw new OutboundError('bad_answer', 'the answer of the target is not that of a bulk request');
  let refused = 0;
  for (const item of statuses) {
    const status = typeof item?.status === 'number' ? item.status : 0;
    if ((status >= 200 && status <= 299) || status === 409) continue;
    if (status < 400 || status === 429 || status >= 500 || status === 401 || status === 403 || status === 404)
      throw new OutboundError('bad_answer', `an event was not taken: ${status} ${shown(item?.error?.type)}`);
    refused += 1;
  }
  return refused;
}

function notHttp(): never {
  throw new Error('this kind of destination does not speak HTTP');
}

/** The endpoint, whether the target names it already or only the server. */
function below(target: string, path: string): string {
  const url = new URL(target);
  if (!url.pathname.endsWith(path)) url.pathname = `${url.pathname.replace(/\/$/, '')}${path}`;
  url.search = '';
  return url.href;
}

function jsonOf({ body }: OutboundAnswer): object {
  try {
    const parsed: unknown = JSON.parse(body.toString('utf8'));
    if (typeof parsed === 'object' && parsed !== null) return parsed;
  } catch {
    // falls through
  }
  throw new OutboundError('bad_answer', 'the answer of the target is not JSON');
}

const shown = (value: unknown): string =>
  String(value ?? 'nothing')
    .replace(/[^\x20-\x7E]/g, '')
    .slice(0, 100);

function meaningOf(status: number): string {
  if (status >= 300 && status < 400) return '; redirects are not followed';
  if (status === 401 || status === 403) return '; it does not accept our credential';
  return status === 429 ? '; it is busy' : '';
}
