import { resolve } from 'node:path';
import { isLoopbackHost } from './addresses.ts';
import { type Secret, secret } from './secret.ts';
import { BadValue, type ParseValue } from './setting-values.ts';

// The rule for every hop: plain text may only travel inside this machine. Off loopback the peer must be verified, and a URL that could switch the
// verification off again by a query parameter is refused, since the client libraries obey such parameters. The values hold credentials, so no
// message repeats them.

export const databaseUrl: ParseValue<Secret> = (text) => {
  const url = parse(text, ['postgres:', 'postgresql:']);
  onlyParameters(url, ['sslmode', 'sslrootcert', 'sslcert', 'sslkey', 'host', 'application_name']);
  // pg prefers ?host= to the host before the path; both must be safe for the pair to be.
  const hosts = [decodeURIComponent(url.hostname), url.searchParams.get('host') ?? ''].filter((host) => host !== '');
  if (hosts.length === 0)
    throw new BadValue('names no host', 'write postgres://user@host/name, or add ?host=/folder/of/the/socket');
  const local = hosts.every((host) => host.startsWith('/') || isLoopbackHost(host));
  if (!local && url.searchParams.get('sslmode') !== 'verify-full') {
    throw new BadValue(
      'names a database on another machine without verified TLS',
      'add ?sslmode=verify-full (and sslrootcert=FILE for a CA of your own)',
    );
  }
  return secret(text);
};

export const redisUrl: ParseValue<Secret> = (text) => {
  const url = parse(text, ['redis:', 'rediss:']);
  onlyParameters(url, url.protocol === 'rediss:' ? ['cacert'] : []);
  if (url.hostname === '') throw new BadValue('names no host', 'write rediss://user:password@host:6379');
  if (!/^\/?$|^\/\d{1,5}$/.test(url.pathname) || url.hash !== '')
    throw new BadValue('is more than a place', 'after the host comes at most the number of a database, such as /0');
  if (url.protocol === 'redis:' && !isLoopbackHost(url.hostname)) {
    throw new BadValue(
      'names a server on another machine without TLS',
      'use rediss:// (and ?cacert=FILE for a CA of your own)',
    );
  }
  return secret(text);
};

export const smtpUrl: ParseValue<Secret> = (text) => {
  const url = parse(text, ['smtp:', 'smtps:']);
  onlyParameters(url, ['requireTLS']);
  const starttls = url.searchParams.get('requireTLS');
  if (starttls !== null && starttls !== 'true') {
    throw new BadValue('has a requireTLS other than true', 'write requireTLS=true or leave it out');
  }
  if (url.protocol === 'smtp:' && starttls === null && !isLoopbackHost(url.hostname)) {
    throw new BadValue(
      'names a mail server on another machine without TLS',
      'use smtps://, or add ?requireTLS=true to insist on STARTTLS',
    );
  }
  return secret(text);
};

/** A bucket of an object store that speaks S3, or a part of one, and what to get in with. */
export interface ObjectStorePlace {
  readonly endpoint: string;
  readonly host: string;
  readonly bucket: string;
  /** Of every name; empty, or with a slash at its end. */
  readonly prefix: string;
  readonly region: string;
  /** PEM; undefined: the system's authorities. */
  readonly caFile: string | undefined;
  readonly accessKey: string;
  readonly secretKey: Secret;
}

export const objectStoreUrl: ParseValue<ObjectStorePlace> = (text, { cwd }) => {
  const url = parse(text, ['http:', 'https:']);
  onlyParameters(url, url.protocol === 'https:' ? ['region', 'cacert'] : ['region']);
  if (url.protocol === 'http:' && !isLoopbackHost(url.hostname)) {
    throw new BadValue(
      'names a store on another machine without TLS',
      'use https:// (and ?cacert=FILE for a CA of your own)',
    );
  }
  const [bucket, ...folders] = url.pathname.split('/').filter((part) => part !== '');
  const isPlain = [bucket, ...folders].every((part) => part !== undefined && /^[\w.-]{1,200}$/.test(part));
  if (bucket === undefined || !isPlain || url.username === '' || url.password === '' || url.hash !== '')
    throw new BadValue(
      'is not a bucket and the key to it',
      'write https://KEY:SECRET@host/bucket, and a prefix behind it if you want one',
    );
  const caFile = url.searchParams.get('cacert');
  return Object.freeze({
    endpoint: url.origin,
    host: url.host,
    bucket,
    prefix: folders.map((folder) => `${folder}/`).join(''),
    region: url.searchParams.get('region') ?? 'us-east-1',
    caFile: caFile === null ? undefined : resolve(cwd, caFile),
    accessKey: decodeURIComponent(url.username),
    secretKey: secret(decodeURIComponent(url.password)),
  });
};

/** Followed by a slash and what is asked for, so it ends with neither. */
export const rangeServiceUrl: ParseValue<string> = (text) => {
  const url = parse(text, ['http:', 'https:']);
  onlyParameters(url, []);
  if (url.username !== '' || url.password !== '' || url.hash !== '')
    throw new BadValue('is more than a place', 'leave out user name, password and the part from #');
  return url.href.replace(/\/+$/, '');
};

/** Where a key of the Transit engine of Vault or OpenBao is. */
export interface TransitKeyPlace {
  readonly origin: string;
  /** Of the engine, without slashes around it; a namespace in front of it belongs to it. */
  readonly mount: string;
  readonly keyName: string;
  /** PEM; undefined: the system's authorities. */
  readonly caFile: string | undefined;
}

export const transitKeyUrl: ParseValue<TransitKeyPlace> = (text, { cwd }) => {
  const url = parse(text, ['http:', 'https:']);
  onlyParameters(url, url.protocol === 'https:' ? ['cacert'] : []);
  const [, mount, keyName] = /^\/v1\/([\w.-]+(?:\/[\w.-]+)*)\/keys\/([\w.-]+)$/.exec(url.pathname) ?? [];
  if (mount === undefined || keyName === undefined || url.username !== '' || url.password !== '' || url.hash !== '')
    throw new BadValue(
      'is not the URL of a Transit key',
      'give one such as https://vault.example.org:8200/v1/transit/keys/valtronics',
    );
  if (url.protocol === 'http:' && !isLoopbackHost(url.hostname))
    throw new BadValue(
      'names a server on another machine without TLS',
      'use https:// (and ?cacert=FILE for a CA of your own)',
    );
  const caFile = url.searchParams.get('cacert');
  return Object.freeze({
    origin: url.origin,
    mount,
    keyName,
    caFile: caFile === null ? undefined : resolve(cwd, caFile),
  });
};

export const publicUrl: ParseValue<URL> = (text) => {
  const url = parse(text, ['http:', 'https:']);
  if (url.username !== '' || url.password !== '' || url.pathname !== '/' || url.search !== '' || url.hash !== '') {
    throw new BadValue(
      'is more than an origin',
      'give scheme, host and port only, such as https://valtronics.example.org',
    );
  }
  return url;
};

function parse(text: string, schemes: readonly string[]): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !schemes.includes(url.protocol)) {
    throw new BadValue(
      'is not a URL of the right kind',
      `give ${schemes.map((scheme) => `${scheme}//…`).join(' or ')}`,
    );
  }
  if (!hasReadableEscapes(url)) throw new BadValue('has a broken percent escape', 'escape special characters as %XX');
  return url;
}

function hasReadableEscapes(url: URL): boolean {
  try {
    decodeURIComponent(url.hostname + url.username + url.password + url.pathname);
    return true;
  } catch {
    return false;
  }
}

function onlyParameters(url: URL, allowed: readonly string[]): void {
  const names = [...url.searchParams.keys()];
  if (names.some((name) => !allowed.includes(name)) || new Set(names).size !== names.length) {
    const remedy = allowed.length === 0 ? 'leave the part from ? out' : `use only ${allowed.join(', ')}, each once`;
    throw new BadValue('has a query parameter that is not supported', remedy);
  }
}
