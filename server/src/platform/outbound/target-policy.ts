import { BlockList, isIP } from 'node:net';
import { addressList, parseCidr } from '../config/addresses.ts';

// Which addresses a user-given URL may lead to. The server stands inside somebody's network, so a URL is a way to make it speak to
// what only it can reach: its own ports, the cloud's metadata service, the neighbours. Everything that is not plainly the public
// internet is therefore refused (IANA special-purpose registries), unless the host's owner has allow-listed it.

const REFUSED_V4 = [
  ['0.0.0.0', 8], // this network
  ['10.0.0.0', 8],
  ['100.64.0.0', 10], // carrier NAT; also a cloud's metadata at 100.100.100.200
  ['127.0.0.0', 8],
  ['168.63.129.16', 32], // a cloud's host agent, although the address looks public
  ['169.254.0.0', 16], // link-local; metadata at 169.254.169.254
  ['172.16.0.0', 12],
  ['192.0.0.0', 24], // protocol assignments; metadata at 192.0.0.192
  ['192.0.2.0', 24], // documentation
  ['192.88.99.0', 24], // 6to4 relays
  ['192.168.0.0', 16],
  ['198.18.0.0', 15], // benchmarks
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 4], // multicast
  ['240.0.0.0', 4], // reserved, broadcast
] as const;

// IPv6 the other way round: only global unicast is public, and not all of it.
const PUBLIC_V6 = ['2000::', 3] as const;
const REFUSED_V6 = [
  ['2001::', 23], // protocol assignments: Teredo (carries an IPv4 address), ORCHID, benchmarks
  ['2001:db8::', 32],
  ['2002::', 16], // 6to4: carries an IPv4 address
  ['3fff::', 20],
] as const;
const NAT64 = ['64:ff9b::', 96] as const;
const MAPPED = ['::ffff:0:0', 96] as const;

const refusedV4 = blockList('ipv4', REFUSED_V4);
const publicV6 = blockList('ipv6', [PUBLIC_V6]);
const refusedV6 = blockList('ipv6', REFUSED_V6);
const carriesV4 = blockList('ipv6', [NAT64]);
const mappedV4 = blockList('ipv6', [MAPPED]);

function blockList(family: 'ipv4' | 'ipv6', networks: readonly (readonly [string, number])[]): BlockList {
  const list = new BlockList();
  for (const [address, prefix] of networks) list.addSubnet(address, prefix, family);
  return list;
}

/** Whether an address is on the public internet. Anything that is not an address is not. */
export function isPublicAddress(address: string): boolean {
  const family = isIP(address);
  if (family === 4) return !refusedV4.check(address, 'ipv4');
  if (family !== 6 || address.includes('%')) return false;
  // The IPv4 address inside decides: the packet ends up there.
  if (carriesV4.check(address, 'ipv6') || mappedV4.check(address, 'ipv6')) return isPublicAddress(lastIpv4(address));
  return publicV6.check(address, 'ipv6') && !refusedV6.check(address, 'ipv6');
}

/** The IPv4 address in the last 32 bits of an IPv6 address. */
function lastIpv4(address: string): string {
  const host = new URL(`http://[${address}]`).hostname.slice(1, -1); // canonical: no dotted quad
  const [head = '', tail] = host.split('::');
  const groups = (tail ?? head).split(':').filter((group) => group !== '');
  const [high = '0', low = '0'] = groups.length === 1 ? ['0', groups[0]] : groups.slice(-2);
  const bits = [Number.parseInt(high, 16), Number.parseInt(low, 16)];
  return bits.flatMap((group) => [group >> 8, group & 255]).join('.');
}

export interface TargetPolicy {
  isHostAllowListed(host: string): boolean;
  isAddressAllowListed(address: string): boolean;
}

/** `items`: networks (`10.1.0.0/16`) and host names, each exactly as a URL names it. */
export function targetPolicy(items: readonly string[]): TargetPolicy {
  const networks = addressList(items.filter((item) => parseCidr(item) !== undefined));
  const hosts = new Set(items.filter((item) => parseCidr(item) === undefined).map((item) => item.toLowerCase()));
  return {
    isHostAllowListed: (host) => hosts.has(host.toLowerCase()),
    isAddressAllowListed: (address) => networks.contains(address),
  };
}
