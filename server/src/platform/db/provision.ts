import { randomBytes } from 'node:crypto';
import pg from 'pg';
import {
  type CredentialStore,
  type DatabaseCredentials,
  type DatabaseRole,
  databaseRoles,
  readCredentials,
  roleLimits,
  roleName,
} from './roles.ts';
import { scramVerifier } from './scram-verifier.ts';
import { assertServerVersion } from './server-version.ts';
import { withClient } from './with-client.ts';

export interface ProvisionOptions {
  /** Connects as a superuser, or as an account that may create roles and databases. */
  adminConnection: (database?: string) => pg.ClientConfig;
  store: CredentialStore;
  database?: string;
}

export interface Provisioned {
  database: string;
  credentials: DatabaseCredentials;
}

export const DEFAULT_DATABASE = 'valtronics';

// Two starts must not create the same role at once.
const PROVISION_LOCK = 0x76_61_6c_70; // "valp"

/** Creates the database and its four roles, or puts them right. Safe to repeat, also after an interruption. */
export async function provision(options: ProvisionOptions): Promise<Provisioned> {
  const { adminConnection, store, database = DEFAULT_DATABASE } = options;
  // Kept before they are set: after a crash in between, the next run sets the ones that are kept.
  const credentials = (await readCredentials(store)) ?? (await newCredentials(store));
  await withClient(adminConnection(), async (admin) => {
    await assertServerVersion(admin);
    await admin.query('select pg_advisory_lock($1)', [PROVISION_LOCK]);
    for (const role of databaseRoles) await ensureRole(admin, role, credentials[role]);
    await ensureDatabase(admin, database);
  });
  await withClient(adminConnection(database), (admin) => closeToOthers(admin, database));
  return { database, credentials };
}

async function newCredentials(store: CredentialStore): Promise<DatabaseCredentials> {
  const fresh = (): string => randomBytes(32).toString('base64url');
  const credentials: DatabaseCredentials = { owner: fresh(), server: fresh(), ingest: fresh(), maintenance: fresh() };
  await store.write(JSON.stringify(credentials));
  return credentials;
}

async function ensureRole(admin: pg.Client, role: DatabaseRole, password: string): Promise<void> {
  const name = pg.escapeIdentifier(roleName(role));
  const found = await admin.query<{ excessive: boolean }>(
    'select rolsuper or rolbypassrls or rolreplication or rolcreaterole or rolcreatedb as excessive from pg_roles where rolname = $1',
    [roleName(role)],
  );
  if (found.rows.length === 0) await admin.query(`create role ${name} login`);
  // Only said where it is not so already: an administrator who is not a superuser may not even mention some of these.
  if (found.rows[0]?.excessive) {
    await admin.query(`alter role ${name} nosuperuser nobypassrls noreplication nocreaterole nocreatedb`);
  }
  const verifier = pg.escapeLiteral(await scramVerifier(password));
  await admin.query(`alter role ${name} login inherit password ${verifier}`);
  for (const [setting, value] of Object.entries(roleLimits[role])) {
    await admin.query(`alter role ${name} set ${setting} = ${pg.escapeLiteral(value)}`);
  }
  // The temporary schema last: a temporary table can then never stand in for one of ours.
  await admin.query(`alter role ${name} set search_path = public, pg_temp`);
}

async function ensureDatabase(admin: pg.Client, database: string): Promise<void> {
  const owner = pg.escapeIdentifier(roleName('owner'));
  const { rows } = await admin.query<{ super: boolean }>(
    'select rolsuper as super from pg_roles where rolname = current_user',
  );
  // Whoever is not a superuser may give a database only to a role it is a member of.
  if (!rows[0]?.super) await admin.query(`grant ${owner} to current_user`);
  const existing = await admin.query<{ owner: string }>(
    'select pg_get_userbyid(datdba) as owner from pg_database where datname = $1',
    [database],
  );
  const name = pg.escapeIdentifier(database);
  if (existing.rows.length === 0) {
    await admin.query(
      `create database ${name} owner ${owner} template template0 encoding 'UTF8' ${await localeClause(admin)}`,
    );
  } else if (existing.rows[0]?.owner !== roleName('owner')) {
    await admin.query(`alter database ${name} owner to ${owner}`);
  }
}

// Byte order for sorting, Unicode for upper and lower case, and neither changes when the system's libraries do. Before 17 the
// case rules come from the C library; where it knows no C.UTF-8 they are those of ASCII.
async function localeClause(admin: pg.Client): Promise<string> {
  const { rows } = await admin.query<{ version: number; clib: boolean }>(
    `select current_setting('server_version_num')::int as version,
            exists (select from pg_collation where collname in ('C.UTF-8', 'C.utf8') and collprovider = 'c') as clib`,
  );
  if ((rows[0]?.version ?? 0) >= 170_000) return "locale_provider builtin builtin_locale 'C.UTF-8' locale 'C'";
  return `locale_provider libc lc_collate 'C' lc_ctype '${rows[0]?.clib ? 'C.UTF-8' : 'C'}'`;
}

/** Who may connect and create what. A clone of a template starts without these. */
export async function closeToOthers(admin: pg.ClientBase, database: string): Promise<void> {
  const name = pg.escapeIdentifier(database);
  const owner = pg.escapeIdentifier(roleName('owner'));
  const serving = databaseRoles.filter((role) => role !== 'owner').map((role) => pg.escapeIdentifier(roleName(role)));
  await admin.query(`
    revoke all on database ${name} from public;
    grant connect on database ${name} to ${serving.join(', ')};
    alter schema public owner to ${owner};
    revoke all on schema public from public;
    grant usage on schema public to ${serving.join(', ')};
  `);
}
