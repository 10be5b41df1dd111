import { type Network, networkOf, networkText, overlap } from '../security/shield/networks.ts';

/** All that can be asked of the helper. Whatever else comes is refused before it goes anywhere. */
export type Request =
  | { readonly op: 'add'; readonly network: Network; readonly seconds: number }
  | { readonly op: 'del'; readonly network: Network }
  | { readonly op: 'list' };

const MOST_SECONDS = 31 * 86_400;
/** A server that went mad must not cut off half of the internet, nor this host from itself. */
const WIDEST = { 4: 8, 6: 16 } as const;
const THIS_HOST = ['127.0.0.1', '::1'].flatMap((text) => networkOf(text) ?? []);

/** Reads one line, or says why not. Networks come out as numbers, so no text of the other side is ever written anywhere. */
export function readRequest(line: string): Request | string {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return 'not JSON';
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return 'not an object';
  const { op, network: text, seconds, ...rest } = value as Record<string, unknown>;
  if (Object.keys(rest).length > 0) return 'something unknown is in it';
  if (op === 'list') return text === undefined && seconds === undefined ? { op } : 'list takes nothing';
  if (op !== 'add' && op !== 'del') return 'op is none of add, del, list';
  const network = typeof text === 'string' && text.length <= 50 ? networkOf(text) : undefined;
  if (network === undefined || networkText(network) !== text) return 'network is not an address or a network';
  if (network.prefix < WIDEST[network.family]) return `no wider than /${WIDEST[network.family]}`;
  if (THIS_HOST.some((own) => overlap(own, network))) return 'this host itself is not dropped';
  if (op === 'del') return seconds === undefined ? { op, network } : 'del takes no seconds';
  const isTime =
    typeof seconds === 'number' && Number.isSafeInteger(seconds) && seconds >= 1 && seconds <= MOST_SECONDS;
  return isTime ? { op, network, seconds } : `seconds is not from 1 to ${MOST_SECONDS}`;
}
