import { isIP } from 'node:net';
import { hostname } from 'node:os';
import { isHostName } from '../../../platform/config/addresses.ts';

/** What the server's certificate speaks for. */
export interface ServerNames {
  readonly hosts: readonly string[];
  readonly addresses: readonly string[];
}

/** localhost in its three forms and the host people are told to use: without these the server cannot be reached as promised. */
export function requiredNames(publicUrl: URL): ServerNames {
  return serverNames(publicUrl, 'localhost');
}

/** The required names and this machine's own, which may change with the network it is in. */
export function serverNames(publicUrl: URL, machine = hostname()): ServerNames {
  const hosts = new Set(['localhost']);
  const addresses = new Set(['127.0.0.1', '::1']);
  for (const name of [machine, publicUrl.hostname.replace(/^\[|\]$/g, '')]) {
    if (isIP(name)) addresses.add(name);
    else if (isHostName(name)) hosts.add(name.toLowerCase());
  }
  return { hosts: [...hosts], addresses: [...addresses] };
}

/** 4 or 16 bytes of an address in text form. */
export function addressBytes(address: string): Buffer {
  if (isIP(address) === 4) return Buffer.from(address.split('.').map(Number));
  const [head = '', tail] = address.split('::', 2);
  const groups = (text: string): number[] =>
    text === '' ? [] : text.split(':').map((group) => Number.parseInt(group, 16));
  const before = groups(head);
  const after = tail === undefined ? [] : groups(tail);
  const all = [...before, ...Array.from({ length: 8 - before.length - after.length }, () => 0), ...after];
  const bytes = Buffer.alloc(16);
  for (const [index, group] of all.entries()) bytes.writeUInt16BE(group, index * 2);
  return bytes;
}
