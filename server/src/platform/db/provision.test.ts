import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { aDatabase, type TestDatabase } from '../../../../tests/support/database.ts';
import { aCertificateAuthority } from '../../../../tests/support/database-certificates.ts';
import {
  aDebianPostgres,
  type DebianPostgres,
  debianPostgresInstalled,
} from '../../../../tests/support/database-debian.ts';
import { parseDatabaseUrl } from './connection-policy.ts';
import { connectDatabase, connectionAs } from './database.ts';
import { migrate } from './migrate.ts';
import { provision } from './provision.ts';
import { type CredentialStore, databaseRoles, roleName } from './roles.ts';
import { scramVerifier } from './scram-verifier.ts';

const MIGRATIONS = join(import.meta.dirname, '../../../migrations');
const quiet = { info() {}, warn() {}, error() {} };

function aStore(): CredentialStore & { text: string | undefined } {
  return {
    text: undefined,
    async read() {
      return this.text;
    },
    async write(text) {
      this.text = text;
    },
  };
}

async function asking<T extends pg.QueryResultRow>(config: pg.ClientConfig, sql: string): Promise<T[]> {
  const client = new pg.Client(config);
  client.on('error', () => {});
  await client.connect();
  try {
    return (await client.query<T>(sql)).rows;
  } finally {
    await client.end();
  }
}

test('the verifier is the one of RFC 7677, so PostgreSQL accepts the password it never saw', async () => {
  // The server signature of the RFC's example follows from its server key.
  const salt = Buffer.from('W22ZaJ0SNY7soEsUEjb6gQ==', 'base64');
  expect(await scramVerifier('pencil', salt)).toBe(
    'SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=',
  );
});

describe('the roles of the embedded server', () => {
  let db: TestDatabase;
  beforeAll(async () => {
    db = await aDatabase();
  });
  afterAll(() => db.drop());

  test('none of the four is above row-level security or may make roles and databases', async () => {
    const { rows } = await db.admin.query(
      `select rolname from pg_roles where rolname = any($1)
       and rolcanlogin and not (rolsuper or rolbypassrls or rolcreaterole or rolcreatedb or rolreplication)`,
      [databaseRoles.map(roleName)],
    );
    expect(rows).toHaveLength(4);
  });

  test.each(['server', 'ingest', 'maintenance'] as const)(
    '%s can neither create tables, nor temporary ones, nor become another role',
    async (role) => {
      for (const sql of [
        'create table mine (n int)',
        'create temporary table mine (n int)',
        'create schema mine',
        'set role valtronics_owner',
        `alter role valtronics_owner password 'x'`,
        `copy (select 1) to program 'true'`,
      ]) {
        await expect(asking(db.connection(role), sql), sql).rejects.toThrow(/permission denied|must/);
      }
    },
  );

  test('a request has seconds, a job minutes, and an abandoned transaction is ended for both', async () => {
    const limits = (role: 'server' | 'ingest' | 'maintenance' | 'owner') =>
      asking(
        db.connection(role),
        `select current_setting('statement_timeout') as statement, current_setting('idle_in_transaction_session_timeout') as idle,
                current_setting('search_path') as path`,
      );
    const path = 'public, pg_temp';
    expect(await limits('server')).toEqual([{ statement: '15s', idle: '15s', path }]);
    expect(await limits('ingest')).toEqual([{ statement: '30s', idle: '15s', path }]);
    expect(await limits('maintenance')).toEqual([{ statement: '5min', idle: '1min', path }]);
    expect(await limits('owner')).toEqual([{ statement: '0', idle: '5min', path }]);
  });

  test('an account that is not ours cannot even connect to the database', async () => {
    const name = `stranger_${db.name}`;
    await db.admin.query(`create role ${name} login password 'stranger'`);
    onTestFinished(async () => void (await db.admin.query(`drop role ${name}`)));
    const stranger = { ...db.connection('server'), user: name, password: 'stranger' };
    await expect(asking(stranger, 'select 1')).rejects.toThrow(/permission denied for database/);
  });
});

const withDebian = debianPostgresInstalled() ? describe : describe.skip;

withDebian("a user's own PostgreSQL 15", () => {
  let debian: DebianPostgres;
  beforeAll(async () => {
    debian = await aDebianPostgres();
  });
  afterAll(() => debian?.stop());

  test('is provisioned, migrated and served over TCP; repeated runs keep the passwords', async () => {
    const store = aStore();
    const first = await provision({ adminConnection: debian.adminConnection, store });
    const again = await provision({ adminConnection: debian.adminConnection, store });
    expect(again.credentials).toEqual(first.credentials);
    const target = parseDatabaseUrl(debian.url('127.0.0.1'));
    const owner = { ...target.connection, ...connectionAs('owner', first.credentials.owner) };
    const { applied } = await migrate(owner, MIGRATIONS);
    expect(applied.length).toBeGreaterThan(0);
    expect((await migrate(owner, MIGRATIONS)).applied).toEqual([]);
    const database = await connectDatabase({
      connection: target.connection,
      credentials: first.credentials,
      log: quiet,
    });
    onTestFinished(() => database.close());
    expect(await database.isReachable()).toBe(true);
    expect((await database.server.query('select count(*) as n from users')).rows).toEqual([{ n: 0 }]);
  });

  test('a lost password file is answered by new passwords, and the old ones stop working', async () => {
    const database = 'valtronics_lost';
    const old = await provision({ adminConnection: debian.adminConnection, store: aStore(), database });
    const fresh = await provision({ adminConnection: debian.adminConnection, store: aStore(), database });
    const as = (password: string) => ({ ...debian.adminConnection(database), ...connectionAs('server', password) });
    expect(await asking(as(fresh.credentials.server), 'select 1 as one')).toEqual([{ one: 1 }]);
    await expect(asking(as(old.credentials.server), 'select 1')).rejects.toThrow(/password authentication failed/);
  });

  test('an administrator who is no superuser can provision too, as managed servers have it', async () => {
    const cluster = await aDebianPostgres();
    onTestFinished(() => cluster.stop());
    await asking(cluster.adminConnection(), `create role cloud login createrole createdb password 'cloud'`);
    const adminConnection = (name?: string) => ({ ...cluster.adminConnection(name), user: 'cloud', password: 'cloud' });
    const store = aStore();
    const { credentials, database } = await provision({ adminConnection, store });
    await provision({ adminConnection, store });
    const owner = { ...adminConnection(database), ...connectionAs('owner', credentials.owner) };
    expect((await migrate(owner, MIGRATIONS)).applied.length).toBeGreaterThan(0);
    await expect(
      asking(
        { ...adminConnection(database), ...connectionAs('server', credentials.server) },
        'create table mine (n int)',
      ),
    ).rejects.toThrow(/permission denied/);
  });

  test('roles that were given too much are cut back', async () => {
    await asking(debian.adminConnection(), 'alter role valtronics_server superuser bypassrls createdb');
    await provision({ adminConnection: debian.adminConnection, store: aStore() });
    const rows = await asking(
      debian.adminConnection(),
      `select rolsuper or rolbypassrls or rolcreatedb as excessive from pg_roles where rolname = 'valtronics_server'`,
    );
    expect(rows).toEqual([{ excessive: false }]);
  });

  test('TLS: the right CA and name connect, bound to the channel', async () => {
    const { connectionTo } = parseDatabaseUrl(
      debian.url('localhost', `?sslmode=verify-full&sslrootcert=${debian.caFile}`),
    );
    const rows = await asking(connectionTo(), 'select ssl, version from pg_stat_ssl where pid = pg_backend_pid()');
    expect(rows).toEqual([{ ssl: true, version: 'TLSv1.3' }]);
  });

  test('TLS: an address is checked as an address', async () => {
    const { connectionTo } = parseDatabaseUrl(
      debian.url('127.0.0.1', `?sslmode=verify-full&sslrootcert=${debian.caFile}`),
    );
    expect(await asking(connectionTo(), 'select 1 as one')).toEqual([{ one: 1 }]);
  });

  test('TLS: a certificate of an unknown CA is refused, and of another CA of the same name', async () => {
    const system = parseDatabaseUrl(debian.url('localhost', '?sslmode=verify-full'));
    await expect(asking(system.connectionTo(), 'select 1')).rejects.toThrow(/certificate|issuer/);
    const impostor = aCertificateAuthority('Test database CA');
    const other = parseDatabaseUrl(
      debian.url('localhost', '?sslmode=verify-full&sslrootcert=/ca'),
      () => impostor.certificate,
    );
    await expect(asking(other.connectionTo(), 'select 1')).rejects.toThrow(/certificate|signature/);
  });

  test('TLS: a certificate for another name is refused, and a server without TLS is not talked to in clear', async () => {
    const elsewhere = await aDebianPostgres(['db.example.org']);
    onTestFinished(() => elsewhere.stop());
    const verified = `?sslmode=verify-full&sslrootcert=${elsewhere.caFile}`;
    for (const host of ['localhost', '127.0.0.1']) {
      const { connectionTo } = parseDatabaseUrl(elsewhere.url(host, verified));
      await expect(asking(connectionTo(), 'select 1')).rejects.toThrow(/does not match certificate/);
    }
    await asking(elsewhere.adminConnection(), 'alter system set ssl = off');
    await asking(elsewhere.adminConnection(), 'select pg_reload_conf()');
    const { connectionTo } = parseDatabaseUrl(elsewhere.url('localhost', verified));
    await expect.poll(() => asking(connectionTo(), 'select 1').catch(String)).toMatch(/does not support SSL/);
  });
});
