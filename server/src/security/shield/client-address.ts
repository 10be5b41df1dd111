import { isIPv4, isIPv6 } from 'node:net';
import type { AddressList } from '../../platform/config/addresses.ts';

/** Stands for a caller without an address (its socket is already gone): a valid address that nobody can have. */
const NO_ADDRESS = '0.0.0.0';
// Nobody has this many proxies of his own in a row; what is further left was written by a stranger.
const MAX_HOPS = 16;
const MAX_HEADER_LENGTH = 4096;

/**
 * Who is really calling. Each proxy appends the address it was called from on the right, so only the entries to the right of the first
 * address that is not ours were written by somebody we trust: walk from the socket leftwards while the address is a trusted proxy's,
 * and stop at the first that is not. Anything further left is the caller's own invention. With no trusted proxies the header is not
 * even looked at.
 */
export function clientAddress(
  socketAddress: string | undefined,
  xForwardedFor: string | readonly string[] | undefined,
  trustedProxies: AddressList,
): string {
  let address = normalAddress(socketAddress ?? '') ?? NO_ADDRESS;
  if (xForwardedFor === undefined || !trustedProxies.contains(address)) return address;
  const header = typeof xForwardedFor === 'string' ? xForwardedFor : xForwardedFor.join(',');
  const hops = header.slice(-MAX_HEADER_LENGTH).split(',').slice(-MAX_HOPS);
  for (const hop of hops.reverse()) {
    const previous = normalAddress(withoutPort(hop.trim()));
    // `unknown`, an obfuscated name, or garbage: the last hop we could verify is the honest answer.
    if (previous === undefined) return address;
    address = previous;
    if (!trustedProxies.contains(address)) return address;
  }
  return address;
}

/**
 * The key under which limits and decisions count an address. A provider hands each customer a /64 at least, so all its addresses are
 * one caller: counting them singly would give every home 2^64 allowances.
 */
export function addressKey(address: string): string {
  const normal = normalAddress(address);
  if (normal === undefined || isIPv4(normal)) return normal ?? NO_ADDRESS;
  const network = ipv6Groups(normal).slice(0, 4);
  return `${network.map((group) => group.toString(16)).join(':')}::/64`;
}

/** One spelling per address: IPv4 in an IPv6 coat is IPv4, IPv6 as RFC 5952 writes it, no zone. Undefined if it is no address. */
export function normalAddress(text: string): string | undefined {
  if (isIPv4(text)) return text;
  const bare = text.split('%', 1)[0] ?? '';
  if (!isIPv6(bare)) return undefined;
  const groups = ipv6Groups(bare);
  const [high = 0, low = 0] = groups.slice(6);
  const isMapped = groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff;
  if (isMapped) return `${high >> 8}.${high & 255}.${low >> 8}.${low & 255}`;
  return shortIpv6(groups);
}

/** The eight groups of a text that `isIPv6` has accepted. */
function ipv6Groups(address: string): number[] {
  const [head = '', tail] = address.split('::', 2);
  const left = groupsOf(head);
  if (tail === undefined) return left;
  const right = groupsOf(tail);
  return [...left, ...new Array<number>(8 - left.length - right.length).fill(0), ...right];
}

function groupsOf(text: string): number[] {
  if (text === '') return [];
  return text.split(':').flatMap((group) => {
    if (!group.includes('.')) return [Number.parseInt(group, 16)];
    const [a = 0, b = 0, c = 0, d = 0] = group.split('.').map(Number);
    return [a * 256 + b, c * 256 + d];
  });
}

function shortIpv6(groups: readonly number[]): string {
  let longest = { from: 0, length: 1 };
  let from = 0;
  for (const [index, group] of groups.entries()) {
    if (group !== 0) from = index + 1;
    else if (index + 1 - from > longest.length) longest = { from, length: index + 1 - from };
  }
  const text = groups.map((group) => group.toString(16));
  if (longest.length === 1) return text.join(':');
  return `${text.slice(0, longest.from).join(':')}::${text.slice(longest.from + longest.length).join(':')}`;
}

/** Some proxies write the port as well: `203.0.113.9:4711`, `[2001:db8::1]:4711`. */
function withoutPort(text: string): string {
  return /^\[([^\]]+)\](?::\d{1,5})?$/.exec(text)?.[1] ?? /^([\d.]+):\d{1,5}$/.exec(text)?.[1] ?? text;
}
