import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type DatabaseRole, databaseRoles, roleName } from '../../server/src/platform/db/roles.ts';
import { aDatabase, type TestDatabase } from '../support/database.ts';

// Net 5 of the architecture: what the database itself lets each role do. Tables and functions are read from the catalogue, so a new one
// is covered by existing; the lists that are written out here should only ever shrink.

let database: TestDatabase;
beforeAll(async () => {
  database = await aDatabase();
});
afterAll(() => database?.drop());

const all = async <T extends pg.QueryResultRow>(text: string, values: unknown[] = []): Promise<T[]> =>
  (await database.admin.query<T>(text, values)).rows;

const serving = ['server', 'ingest', 'maintenance'] as const;

describe('functions with the rights of their owner', () => {
  const definers = () =>
    all<{ name: string; config: string[] | null; callers: string[]; public: boolean }>(`
      select p.oid::regprocedure::text as name, p.proconfig as config,
        array(select r.rolname from pg_roles r where r.rolname in ('valtronics_server', 'valtronics_ingest', 'valtronics_maintenance')
              and has_function_privilege(r.oid, p.oid, 'execute') order by 1)::text[] as callers,
        has_function_privilege('public', p.oid, 'execute') as public
      from pg_proc p join pg_namespace n on n.oid = p.pronamespace
      where p.prosecdef and n.nspname not in ('pg_catalog', 'information_schema') order by 1`);

  it('are these, for these callers: each looks up one row by a credential, tells what is public, or does one chore', async () => {
    expect(Object.fromEntries((await definers()).map(({ name, callers }) => [name, callers.join(', ')]))).toEqual({
      'drop_points_before(date)': 'valtronics_maintenance',
      'ensure_points_day(date)': 'valtronics_ingest',
      'erase_audit_values(integer,text)': 'valtronics_maintenance',
      'find_api_key(bytea)': 'valtronics_server',
      'find_api_key_by_id(uuid)': 'valtronics_server',
      'find_bouncer(bytea)': 'valtronics_server',
      'find_challenge(bytea)': 'valtronics_server',
      'find_device_certificate(bytea)': 'valtronics_server',
      'find_device_claim(bytea)': 'valtronics_server',
      'find_device_credential(bytea)': 'valtronics_server',
      'find_identity_provider(text)': 'valtronics_server',
      'find_invitation(bytea)': 'valtronics_server',
      'find_login(bytea[])': 'valtronics_server',
      'find_passkey(bytea)': 'valtronics_server',
      'find_password_reset(bytea)': 'valtronics_server',
      'find_refresh_token(bytea)': 'valtronics_server',
      'find_session(bytea)': 'valtronics_server',
      'find_session_by_id(uuid)': 'valtronics_server',
      'is_login_taken(bytea[])': 'valtronics_maintenance, valtronics_server',
      'list_offered_providers()': 'valtronics_server',
      'list_revoked_certificate()': '',
      'note_measured_change()': '',
      'prune_audit_tree(integer,bigint)': 'valtronics_maintenance',
      'purge_series_of_deleted_device()': '',
      'take_api_key_reminders(timestamp with time zone,timestamp with time zone,integer)': 'valtronics_maintenance',
      // These two list, but only what the transaction's own organisation and viewers entitle it to.
      'visible_devices()': 'valtronics_server',
      'visible_series()': 'valtronics_server',
      'was_subject_measured(uuid)': 'valtronics_server',
    });
  });

  it('each fixes its search path, the temporary schema last, and is closed to everybody else', async () => {
    for (const { name, config, public: isPublic } of await definers()) {
      expect([name, config]).toEqual([name, ['search_path=public, pg_temp']]);
      expect([name, isPublic]).toEqual([name, false]);
    }
  });
});

describe('roles', () => {
  it('none is a superuser, none sees past row-level security, none makes roles or databases, none is a member of another', async () => {
    expect(
      await all(
        `
        select rolname from pg_roles where rolname = any ($1)
          and (rolsuper or rolbypassrls or rolcreaterole or rolcreatedb or rolreplication)`,
        [databaseRoles.map(roleName)],
      ),
    ).toEqual([]);
    expect(
      await all(
        `
        select m.roleid::regrole::text as role, m.member::regrole::text as member from pg_auth_members m join pg_roles r on r.oid = m.member
        where r.rolname = any ($1)`,
        [databaseRoles.map(roleName)],
      ),
    ).toEqual([]);
  });

  it('only the owner owns anything, and the serving roles can create nothing', async () => {
    expect(
      await all(`
        select c.relname, c.relowner::regrole::text as owner from pg_class c join pg_namespace n on n.oid = c.relnamespace
        where n.nspname = 'public' and c.relowner <> 'valtronics_owner'::regrole`),
    ).toEqual([]);
    for (const role of serving) {
      for (const statement of [
        'create table loot (x int)',
        'create temp table loot (x int)',
        'create schema loot',
        'create function loot() returns int language sql as $$select 1$$',
      ]) {
        await expect(as(role, statement), `${role}: ${statement}`).rejects.toMatchObject({ code: '42501' });
      }
    }
  });

  it('reading files, running programs and other databases are out of reach', async () => {
    for (const role of serving) {
      for (const statement of [
        `copy (select 1) to program 'true'`,
        `copy (select 1) to '/tmp/loot'`,
        `select pg_read_file('/etc/passwd')`,
        `select pg_ls_dir('/')`,
        `select lo_import('/etc/passwd')`,
        'alter system set ssl = off',
        'select * from pg_authid',
      ]) {
        await expect(as(role, statement), `${role}: ${statement}`).rejects.toMatchObject({ code: '42501' });
      }
    }
  });

  async function as(role: DatabaseRole, statement: string): Promise<unknown> {
    const client = new pg.Client(database.connection(role));
    await client.connect();
    try {
      return await client.query(statement);
    } finally {
      await client.end();
    }
  }
});

describe('grants', () => {
  const grantsOf = async (role: (typeof serving)[number], where = 'true') =>
    Object.fromEntries(
      (
        await all<{ name: string; rights: string }>(
          `select c.relname as name, string_agg(lower(a.privilege_type), ' ' order by a.privilege_type) as rights
           from pg_class c join pg_namespace n on n.oid = c.relnamespace, aclexplode(c.relacl) a
           where n.nspname = 'public' and c.relkind in ('r', 'p') and not c.relispartition
             and a.grantee = 'valtronics_${role}'::regrole and ${where} group by 1 order by 1`,
        )
      ).map(({ name, rights }) => [name, rights]),
    );

  it('ingest inserts into the journal and the day partitions, and can do nothing else', async () => {
    expect(await grantsOf('ingest')).toEqual({ telemetry_journal: 'insert', telemetry_pending: 'insert' });
    await database.admin.query(`select ensure_points_day(current_date)`);
    const partitions = await all<{ rights: string }>(
      `select distinct string_agg(lower(a.privilege_type), ' ') as rights from pg_class c, aclexplode(c.relacl) a
       where c.relispartition and c.relkind = 'r' and a.grantee = 'valtronics_ingest'::regrole group by c.oid`,
    );
    expect(partitions).toEqual([{ rights: 'insert' }]);
  });

  it('nobody may truncate, add triggers or refer to anything, and everybody at large may nothing', async () => {
    expect(
      await all(`
        select c.relname, a.grantee::regrole::text as grantee, a.privilege_type from pg_class c
          join pg_namespace n on n.oid = c.relnamespace, aclexplode(c.relacl) a
        where n.nspname = 'public' and a.grantee <> 'valtronics_owner'::regrole
          and (a.grantee = 0 or a.privilege_type in ('TRUNCATE', 'TRIGGER', 'REFERENCES', 'MAINTAIN') or a.is_grantable)`),
    ).toEqual([]);
  });

  it('what identity and evidence rest on: the server never deletes people or sessions, and only appends to the log', async () => {
    const resting = `c.relname in ('audit_events', 'audit_pending', 'audit_keys', 'audit_trees', 'audit_leaves', 'audit_tiles', 'audit_checkpoints', 'audit_salts', 'organisations', 'users', 'sessions', 'refresh_families', 'refresh_tokens', 'invitations', 'factors', 'signing_keys', 'dpop_proofs', 'device_authorities', 'device_certificate_revocations')`;
    expect(await grantsOf('server', resting)).toEqual({
      audit_checkpoints: 'select',
      audit_events: 'insert select',
      audit_leaves: 'select',
      audit_pending: 'insert',
      audit_salts: 'select',
      audit_tiles: 'select',
      audit_trees: 'select',
      dpop_proofs: 'insert',
      factors: 'delete insert select update',
      invitations: 'delete insert select update',
      organisations: 'select',
      refresh_families: 'insert select update',
      refresh_tokens: 'insert select',
      sessions: 'insert select update',
      signing_keys: 'select',
      users: 'insert select update',
    });
    expect(await grantsOf('maintenance', resting)).toEqual({
      audit_checkpoints: 'insert select',
      audit_events: 'insert select',
      audit_keys: 'insert select',
      audit_leaves: 'insert select',
      audit_pending: 'delete insert select',
      audit_salts: 'insert select',
      audit_tiles: 'insert select',
      audit_trees: 'insert select',
      dpop_proofs: 'delete select',
      device_authorities: 'insert select',
      device_certificate_revocations: 'delete select',
      invitations: 'delete insert select',
      organisations: 'insert select',
      refresh_families: 'delete select',
      refresh_tokens: 'delete select',
      sessions: 'delete select',
      signing_keys: 'insert select update',
      users: 'insert select',
    });
  });

  it('the server makes and lifts blocks, and can neither change nor remove one', async () => {
    const shield = `c.relname in ('blocks', 'suspicious_addresses')`;
    expect(await grantsOf('server', shield)).toEqual({
      blocks: 'insert select',
      suspicious_addresses: 'insert select update',
    });
    const lifting = await all<{ column: string }>(`
      select a.attname as column from pg_attribute a, aclexplode(a.attacl) x where a.attrelid = 'blocks'::regclass
        and x.grantee = 'valtronics_server'::regrole and x.privilege_type = 'UPDATE' order by 1`);
    expect(lifting.map(({ column }) => column)).toEqual(['grace_until', 'lifted_at', 'lifted_by', 'lifted_by_label']);
  });

  it('the server reads measurements and writes none', async () => {
    const measured = `c.relname in ('points', 'rollups_1m', 'rollups_1h', 'series_latest', 'telemetry_journal', 'telemetry_pending')`;
    expect(new Set(Object.values(await grantsOf('server', measured)))).toEqual(new Set(['select']));
  });

  it('of a column alone, maintenance may change what is sealed, as a rotation of the keys does', async () => {
    const columns = await all<{ column: string }>(`
      select c.relname || '.' || a.attname as column from pg_attribute a join pg_class c on c.oid = a.attrelid, aclexplode(a.attacl) x
      where x.grantee = 'valtronics_maintenance'::regrole and x.privilege_type = 'UPDATE' and a.attname like '%sealed' order by 1`);
    // account_mails and signing_keys it may change as a whole.
    expect(columns.map(({ column }) => column)).toEqual([
      'alert_events.note_sealed',
      'audit_keys.private_sealed',
      'challenges.secret_sealed',
      'departures.secrets_sealed',
      'device_authorities.private_sealed',
      'devices.serial_sealed',
      'factors.public_key_sealed',
      'factors.secret_sealed',
      'identity_providers.client_secret_sealed',
      'linked_identities.subject_sealed',
      'notification_channels.secret_sealed',
      'notification_channels.target_sealed',
      'points.sealed',
      'refresh_families.secret_sealed',
      'siem_destinations.client_key_sealed',
      'siem_destinations.secret_sealed',
      'subjects.name_sealed',
      'subjects.reference_sealed',
      'users.email_sealed',
      'users.name_sealed',
      'users.phone_sealed',
    ]);
  });

  it('of a column alone, the server may change these', async () => {
    const columns = await all<{ column: string }>(`
      select c.relname || '.' || a.attname as column from pg_attribute a join pg_class c on c.oid = a.attrelid, aclexplode(a.attacl) x
      where x.grantee = 'valtronics_server'::regrole and x.privilege_type = 'UPDATE' and c.relname in ('organisations', 'series') order by 1`);
    expect(columns.map(({ column }) => column)).toEqual([
      'organisations.name',
      'organisations.personal_data_policy',
      'organisations.retention_days',
      'series.health',
      'series.unit',
    ]);
  });
});
