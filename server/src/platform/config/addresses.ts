import { BlockList, isIP } from 'node:net';

/** Networks that a setting names. */
export interface AddressList {
  readonly cidrs: readonly string[];
  contains(address: string): boolean;
}

const IPV4_MAPPED = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i;

export function addressList(cidrs: readonly string[]): AddressList {
  const networks = new BlockList();
  for (const cidr of cidrs) {
    const network = parseCidr(cidr);
    if (network === undefined) throw new RangeError(`not a network: ${JSON.stringify(cidr)}`);
    networks.addSubnet(network.address, network.prefix, network.family);
  }
  return Object.freeze({
    cidrs: Object.freeze([...cidrs]),
    contains(address: string) {
      // A dual-stack socket reports IPv4 peers as ::ffff:a.b.c.d; one client must not have two names.
      const plain = IPV4_MAPPED.exec(address)?.[1] ?? address;
      const family = isIP(plain);
      return family !== 0 && networks.check(plain, family === 4 ? 'ipv4' : 'ipv6');
    },
  });
}

interface Network {
  readonly address: string;
  readonly prefix: number;
  readonly family: 'ipv4' | 'ipv6';
}

/** `address/prefix`, or a lone address meaning only itself. Anything else, and the network of every address, is undefined. */
export function parseCidr(text: string): Network | undefined {
  const [address = '', prefixText, ...rest] = text.split('/');
  const version = isIP(address);
  if (version === 0 || rest.length > 0 || address.includes('%')) return undefined;
  const bits = version === 4 ? 32 : 128;
  if (prefixText !== undefined && !/^[1-9]\d{0,2}$/.test(prefixText)) return undefined;
  const prefix = prefixText === undefined ? bits : Number(prefixText);
  if (prefix > bits) return undefined;
  return { address, prefix, family: version === 4 ? 'ipv4' : 'ipv6' };
}

const loopback = addressList(['127.0.0.0/8', '::1/128']);

/** Whether a host can only be this machine. Names other than localhost are not resolved: DNS must not decide what is safe. */
export function isLoopbackHost(host: string): boolean {
  const bare = host.replace(/^\[(.*)\]$/, '$1').toLowerCase();
  return bare === 'localhost' || loopback.contains(bare);
}

const HOST_NAME = /^(?=.{1,253}$)(?!-)[a-z0-9-]{1,63}(?<!-)(\.(?!-)[a-z0-9-]{1,63}(?<!-))*$/i;

export function isHostName(text: string): boolean {
  return HOST_NAME.test(text);
}
