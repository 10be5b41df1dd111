import { addressBytes, type ServerNames } from './names.ts';

/**
 * The DER of an X.509 name constraints extension (RFC 5280, 4.2.1.10) that permits these names and no other: whoever trusts our local
 * authority trusts it for this server, and even its stolen key cannot make a certificate for anybody's bank.
 */
export function nameConstraints(names: ServerNames): Buffer {
  const subtrees = [...names.hosts.map(hostSubtree), ...names.addresses.map(addressSubtree)];
  return tagged(0x30, tagged(0xa0, Buffer.concat(subtrees)));
}

/** Of these names, those that an authority with these constraints may speak for. */
export function permittedNames(constraints: Buffer, names: ServerNames): ServerNames {
  return {
    hosts: names.hosts.filter((host) => constraints.includes(hostSubtree(host))),
    addresses: names.addresses.filter((address) => constraints.includes(addressSubtree(address))),
  };
}

const hostSubtree = (host: string): Buffer => tagged(0x30, tagged(0x82, Buffer.from(host, 'ascii')));

function addressSubtree(address: string): Buffer {
  const bytes = addressBytes(address);
  // The whole of 127/8 is this machine; any other address stands for itself only.
  const isLoopback = bytes.length === 4 && bytes[0] === 127;
  const base = isLoopback ? Buffer.from([127, 0, 0, 0]) : bytes;
  const mask = isLoopback ? Buffer.from([255, 0, 0, 0]) : Buffer.alloc(bytes.length, 255);
  return tagged(0x30, tagged(0x87, Buffer.concat([base, mask])));
}

function tagged(tag: number, content: Buffer): Buffer {
  const { length } = content;
  if (length > 0xffff) throw new RangeError('too many names');
  const size = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...size]), content]);
}
