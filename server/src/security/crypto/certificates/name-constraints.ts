import { addressBytes, type ServerNames } from './names.ts';

/**
 * The DER of an X.509 name constraints extension (RFC 5280, 4.2.1.10) that permits these names and no other: whoever trusts our local
 * authority trusts it for this server, and even its stolen key cannot make a certificate for anybody's bank.
 */
export function nameConstraints(names: ServerNames): Buffer {
  const hosts = names.hosts.map((host) => subtree(0x82, Buffer.from(host, 'ascii')));
  const addresses = names.addresses.map((address) => {
    const bytes = addressBytes(address);
    // The whole of 127/8 is this machine; any other address stands for itself only.
    const mask = address.startsWith('127.') ? Buffer.from([255, 0, 0, 0]) : Buffer.alloc(bytes.length, 255);
    const base = address.startsWith('127.') ? Buffer.from([127, 0, 0, 0]) : bytes;
    return subtree(0x87, Buffer.concat([base, mask]));
  });
  return tagged(0x30, tagged(0xa0, Buffer.concat([...hosts, ...addresses])));
}

const subtree = (tag: number, name: Buffer): Buffer => tagged(0x30, tagged(tag, name));

function tagged(tag: number, content: Buffer): Buffer {
  const { length } = content;
  if (length > 0xffff) throw new RangeError('too many names');
  const size = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...size]), content]);
}
