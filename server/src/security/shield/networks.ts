import { isIPv4, isIPv6 } from 'node:net';
import { addressKey, normalAddress } from './client-address.ts';

/** A network as numbers, so that two can be compared. */
export interface Network {
  readonly family: 4 | 6;
  readonly prefix: number;
  /** The address with nothing beyond the prefix. */
  readonly base: bigint;
}

const bitsOf = (family: 4 | 6): number => (family === 4 ? 32 : 128);

/** An address, or `address/prefix`; undefined for anything else. What stands beyond the prefix is dropped. */
export function networkOf(text: string): Network | undefined {
  const [address = '', prefixText, ...rest] = text.split('/');
  if (rest.length > 0 || address.includes('%')) return undefined;
  const normal = normalAddress(address);
  if (normal === undefined) return undefined;
  const family = isIPv4(normal) ? 4 : 6;
  // `::ffff:192.0.2.0/120` would have a prefix that means nothing once the coat is off.
  if (prefixText !== undefined && family === 4 && isIPv6(address)) return undefined;
  if (prefixText !== undefined && !/^(0|[1-9]\d{0,2})$/.test(prefixText)) return undefined;
  const prefix = prefixText === undefined ? bitsOf(family) : Number(prefixText);
  if (prefix > bitsOf(family)) return undefined;
  return { family, prefix, base: masked(numberOf(normal, family), family, prefix) };
}

/** As everything here writes it: a lone address without its prefix. */
export function networkText({ family, prefix, base }: Network): string {
  const address = family === 4 ? ipv4Text(base) : ipv6Text(base);
  return prefix === bitsOf(family) ? address : `${address}/${prefix}`;
}

/** Networks either lie within each other or apart, so one look at the wider prefix tells. */
export function overlap(a: Network, b: Network): boolean {
  if (a.family !== b.family) return false;
  const prefix = Math.min(a.prefix, b.prefix);
  return masked(a.base, a.family, prefix) === masked(b.base, b.family, prefix);
}

/** The network of that prefix which an address or a narrower network lies in. */
export const widened = ({ family, base }: Network, prefix: number): Network => ({
  family,
  prefix,
  base: masked(base, family, prefix),
});

/**
 * What a decision on an address or a range falls on, in the one spelling that is kept: an address as limits count it (IPv6: its /64), a
 * range by its first address. Undefined when it is neither.
 */
export function subjectOf(scope: 'ip' | 'range', text: string): string | undefined {
  if (scope === 'ip') {
    const key = text.endsWith('::/64') ? networkOf(text) : normalAddress(text) && networkOf(addressKey(text));
    return key ? addressKey(networkText(widened(key, bitsOf(key.family)))) : undefined;
  }
  const network = networkOf(text);
  return network && networkText(network);
}

function masked(value: bigint, family: 4 | 6, prefix: number): bigint {
  const free = BigInt(bitsOf(family) - prefix);
  return (value >> free) << free;
}

function numberOf(address: string, family: 4 | 6): bigint {
  if (family === 4) return address.split('.').reduce((sum, part) => (sum << 8n) | BigInt(part), 0n);
  const [head = '', tail] = address.split('::', 2);
  const left = head === '' ? [] : head.split(':');
  const right = tail === undefined || tail === '' ? [] : tail.split(':');
  const groups = [...left, ...new Array<string>(8 - left.length - right.length).fill('0'), ...right];
  return groups.reduce((sum, group) => (sum << 16n) | BigInt(`0x${group}`), 0n);
}

const ipv4Text = (value: bigint): string => [24n, 16n, 8n, 0n].map((shift) => (value >> shift) & 255n).join('.');

function ipv6Text(value: bigint): string {
  const groups = Array.from({ length: 8 }, (_, n) => ((value >> BigInt(112 - 16 * n)) & 0xffffn).toString(16));
  return normalAddress(groups.join(':')) ?? groups.join(':');
}
