import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { ConfigError } from '../config/config-error.ts';
import type { Secret } from '../config/secret.ts';

const DEFAULT_PORT = 6379;

export interface RedisPlace {
  readonly host: string;
  readonly port: number;
  readonly database: number;
}

/** Where the Redis of a URL is: what two servers must agree on. */
export function redisPlace(redisUrl: Secret): RedisPlace {
  const { hostname, port, pathname } = new URL(redisUrl.reveal());
  return {
    host: hostname.replace(/^\[(.*)\]$/, '$1').toLowerCase(),
    port: port === '' ? DEFAULT_PORT : Number(port),
    database: Number(pathname.slice(1)),
  };
}

/**
 * How to get there safely. The URL itself never reaches the client library, so nothing in it can switch the verification off. With
 * rediss:// the certificate must chain up to a trusted CA (or to those of `?cacert=`) and bear the host we asked for, name or address.
 */
export function redisOptions(redisUrl: Secret, connectTimeoutMs: number) {
  const url = new URL(redisUrl.reveal());
  const { host, port, database } = redisPlace(redisUrl);
  const caFile = url.searchParams.get('cacert');
  const socket = { host, port, connectTimeout: connectTimeoutMs, reconnectStrategy: false as const };
  const [username, password] = [decodeURIComponent(url.username), decodeURIComponent(url.password)];
  return {
    socket:
      url.protocol === 'rediss:'
        ? {
            ...socket,
            tls: true as const,
            rejectUnauthorized: true,
            minVersion: 'TLSv1.2' as const,
            // Names only: an address is compared with the certificate by `host`.
            ...(isIP(host) === 0 ? { servername: host } : {}),
            ...(caFile === null ? {} : { ca: readCa(caFile) }),
          }
        : socket,
    database,
    ...(username === '' ? {} : { username }),
    ...(password === '' ? {} : { password }),
  };
}

function readCa(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    throw new ConfigError('REDIS_URL', 'names a cacert that cannot be read', 'check the path and its permissions');
  }
}
