import { readFileSync } from 'node:fs';
import { checkServerIdentity } from 'node:tls';
import type pg from 'pg';
import { isLoopbackHost } from '../config/addresses.ts';
import { DEFAULT_DATABASE } from './provision.ts';

/** Where a PostgreSQL of the user's own is, and how to get there safely. */
export interface DatabaseTarget {
  /** With the user and password of the URL, if it has them. */
  connection: pg.ClientConfig;
  database: string;
  /** A Unix socket or the loopback interface: nobody else can listen on the way. */
  isLocal: boolean;
  /** The same server with another database; without one, the one every server has. */
  connectionTo(database?: string): pg.ClientConfig;
}

export class ConnectionPolicyError extends Error {
  override readonly name = 'ConnectionPolicyError';
}

const DEFAULT_PORT = 5432;
const MAINTENANCE_DATABASE = 'postgres';
const CONNECT_TIMEOUT_MS = 10_000;
const PARAMETERS: ReadonlySet<string> = new Set([
  'sslmode',
  'sslrootcert',
  'sslcert',
  'sslkey',
  'host',
  'application_name',
]);

/**
 * Turns a DATABASE_URL into explicit options. The URL itself never reaches the driver, which would obey parameters in it that
 * switch verification off. Off this machine: TLS, a certificate that chains up to a trusted CA, and the name we asked for in it.
 * Messages never repeat the URL, since it holds a password.
 */
export function parseDatabaseUrl(text: string, readFile: (path: string) => string = readText): DatabaseTarget {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url || (url.protocol !== 'postgres:' && url.protocol !== 'postgresql:')) {
    throw new ConnectionPolicyError('DATABASE_URL is not of the form postgres://user@host/database');
  }
  for (const name of url.searchParams.keys()) {
    if (!PARAMETERS.has(name) || url.searchParams.getAll(name).length > 1) {
      throw new ConnectionPolicyError(`DATABASE_URL: the parameter ${name} is not supported, or given twice`);
    }
  }
  const host = hostOf(url);
  const isSocket = host.startsWith('/');
  const isLocal = isSocket || isLoopbackHost(host);
  const mode = url.searchParams.get('sslmode');
  if (mode !== null && mode !== 'disable' && mode !== 'verify-full') {
    throw new ConnectionPolicyError('DATABASE_URL: sslmode is either verify-full or, on this machine only, disable');
  }
  if (!isLocal && mode !== 'verify-full') {
    throw new ConnectionPolicyError(
      'DATABASE_URL names a database on another machine without verified TLS: add ?sslmode=verify-full (and sslrootcert=FILE for a CA of your own)',
    );
  }
  if (isSocket && mode === 'verify-full')
    throw new ConnectionPolicyError('DATABASE_URL: there is no TLS on a Unix socket');
  const database = decoded(url.pathname.slice(1)) || DEFAULT_DATABASE;
  const connection: pg.ClientConfig = {
    host,
    port: url.port === '' ? DEFAULT_PORT : Number(url.port),
    user: decoded(url.username) || undefined,
    password: decoded(url.password) || undefined,
    database,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    application_name: url.searchParams.get('application_name') ?? 'valtronics',
    // The driver falls back to PGSSLMODE and friends for whatever is undefined, so "none" is said.
    ssl: mode === 'verify-full' ? verifiedTls(host, url.searchParams, readFile) : false,
    // Binds the SCRAM exchange to this TLS connection: a man in the middle with a wrongly issued certificate cannot relay it.
    ...(mode === 'verify-full' && { enableChannelBinding: true }),
  };
  const connectionTo = (name = MAINTENANCE_DATABASE): pg.ClientConfig => ({ ...connection, database: name });
  return { connection, database, isLocal, connectionTo };
}

function hostOf(url: URL): string {
  // libpq lets ?host= win over the host before the path; two different ones are a mistake or a trick.
  const parameter = url.searchParams.get('host') ?? '';
  const authority = decoded(url.hostname).replace(/^\[(.*)\]$/, '$1');
  if (parameter !== '' && authority !== '' && parameter !== authority) {
    throw new ConnectionPolicyError('DATABASE_URL names two hosts: give it once');
  }
  const host = parameter || authority;
  if (host === '')
    throw new ConnectionPolicyError('DATABASE_URL names no host: for a Unix socket add ?host=/folder/of/the/socket');
  if (host.includes(',')) throw new ConnectionPolicyError('DATABASE_URL names several hosts: give one');
  return host;
}

function verifiedTls(
  host: string,
  parameters: URLSearchParams,
  readFile: (path: string) => string,
): pg.ClientConfig['ssl'] {
  const file = (name: string): string | undefined => {
    const path = parameters.get(name);
    if (path === null) return undefined;
    try {
      return readFile(path);
    } catch {
      throw new ConnectionPolicyError(`DATABASE_URL: the file ${name} names cannot be read`);
    }
  };
  const [ca, cert, key] = [file('sslrootcert'), file('sslcert'), file('sslkey')];
  if ((cert === undefined) !== (key === undefined)) {
    throw new ConnectionPolicyError('DATABASE_URL: sslcert and sslkey belong together');
  }
  return {
    rejectUnauthorized: true,
    minVersion: 'TLSv1.2',
    // Against the host we were told, also when it is an address: the driver hands over a name only for names, and without one
    // Node would compare the certificate with "localhost".
    checkServerIdentity: (_name, certificate) => checkServerIdentity(host, certificate),
    ...(ca !== undefined && { ca }),
    ...(cert !== undefined && { cert, key }),
  };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new ConnectionPolicyError('DATABASE_URL has a broken percent escape');
  }
}

function readText(path: string): string {
  return readFileSync(path, 'utf8');
}
