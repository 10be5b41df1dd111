import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { aDatabase, type TestDatabase } from '../support/database.ts';

// Net 5 of the architecture: a forgotten `where` returns no rows instead of another tenant's. Tables are read from the catalogue, so a
// new one is covered by existing.

let database: TestDatabase;
beforeAll(async () => {
  database = await aDatabase();
});
afterAll(() => database?.drop());

const all = async <T extends pg.QueryResultRow>(text: string, values: unknown[] = []): Promise<T[]> =>
  (await database.admin.query<T>(text, values)).rows;

interface Table {
  name: string;
  secured: boolean;
  organisation: 'organisation_id' | 'id' | null;
}
/** Tables of ours; partitions belong to their parent. */
const tables = () =>
  all<Table>(`
    select c.relname as name, c.relrowsecurity as secured,
      case when c.relname = 'organisations' then 'id'
           when exists (select from pg_attribute a where a.attrelid = c.oid and a.attname = 'organisation_id' and not a.attisdropped)
           then 'organisation_id' end as organisation
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where n.nspname not in ('pg_catalog', 'information_schema') and n.nspname not like 'pg_toast%'
      and c.relkind in ('r', 'p') and not c.relispartition
    order by 1`);

/** What belongs to something that belongs to an organisation: row-level security of that table decides. Shown with rows at the end. Or to whoever runs the instance. */
const ofATree = '(tree IN ( SELECT audit_trees.id\n   FROM audit_trees))';
const throughAnother: Readonly<Record<string, string>> = {
  backup_runs: 'operates_instance()',
  audit_checkpoints: ofATree,
  audit_leaves: ofATree,
  audit_tiles: ofATree,
  audit_salts: '(EXISTS ( SELECT\n   FROM audit_events e\n  WHERE (e.id = audit_salts.event_id)))',
};

describe('row-level security', () => {
  it('tables that belong to no organisation: everything else is under it', async () => {
    const found = await tables();
    expect(found.filter(({ organisation }) => organisation === null).map(({ name }) => name)).toEqual([
      'alert_watch',
      'audit_checkpoints',
      'audit_keys',
      'audit_leaves',
      'audit_salts',
      'audit_tiles',
      'backup_runs',
      'detection_progress',
      'device_authorities',
      'device_certificate_revocations',
      'device_cookies',
      'dpop_proofs',
      'guess_accounts',
      'guess_attempts',
      'key_epochs',
      'key_stores',
      'last_places',
      'refused_tokens',
      'schema_migrations',
      'session_caches',
      'session_changes',
      'signing_keys',
      'suspicious_addresses',
      'telemetry_consumers',
      'telemetry_journal',
      'telemetry_pending',
    ]);
    expect(found.filter(({ organisation, secured }) => organisation !== null && !secured)).toEqual([]);
  });

  it('the server may read none of the tables that belong to no organisation but the keys that verify tokens and what keeps guessers out', async () => {
    const readable: string[] = [];
    for (const { name } of (await tables()).filter(({ organisation }) => organisation === null)) {
      const may = await all<{ may: boolean }>(
        `select has_any_column_privilege('valtronics_server', $1, 'select') as may`,
        [name],
      );
      if (may[0]?.may) readable.push(name);
    }
    // Guessers belong to no organisation, and are counted before anybody knows whom they claim to be. Which sessions changed is for every
    // server, whoever's they are, and says no more than their ids. Of the keys of the audit log it reads the public halves; what belongs
    // to a tree is under policies of its own (below). Epochs are wrapped under the root key, which the database does not have. Backups are
    // shown to the organisation that runs the instance, which is a policy too.
    expect(readable).toEqual([
      'audit_checkpoints',
      'audit_keys',
      'audit_leaves',
      'audit_salts',
      'audit_tiles',
      'backup_runs',
      'device_cookies',
      'guess_accounts',
      'guess_attempts',
      'key_epochs',
      'refused_tokens',
      'session_caches',
      'session_changes',
      'signing_keys',
      'suspicious_addresses',
    ]);
  });

  it('every policy of the server compares with the current organisation, for reading and for writing', async () => {
    const policies = await all<{
      table: string;
      name: string;
      reads: string | null;
      writes: string | null;
      command: string;
    }>(`
      select c.relname as table, p.polname as name, p.polcmd as command,
        pg_get_expr(p.polqual, p.polrelid) as reads, pg_get_expr(p.polwithcheck, p.polrelid) as writes
      from pg_policy p join pg_class c on c.oid = p.polrelid
      where ('valtronics_server'::regrole = any (p.polroles) or p.polroles = '{0}')
        and p.polpermissive -- what is restrictive only narrows what another policy lets through
      order by 1, 2`);
    expect(policies.length).toBeGreaterThan(20);
    const loose = policies.filter(({ table, reads, writes, command }) => {
      if (throughAnother[table] !== undefined) return command !== 'r' || reads !== throughAnother[table];
      const compares = (text: string | null) =>
        text !== null && /= current_organisation\(\)|IS DISTINCT FROM current_organisation\(\)/.test(text);
      // Without a check of its own, what is written must pass what may be read.
      return command === 'a' ? !compares(writes) : !compares(reads) || (writes !== null && !compares(writes));
    });
    expect(loose).toEqual([]);
  });

  it('[ASVS 8.2.2] whatever tells of a device is bounded a second time, by who sees the device', async () => {
    const unbounded = await all(`
      select c.relname as table from pg_class c join pg_namespace n on n.oid = c.relnamespace
      where n.nspname = 'public' and c.relkind in ('r', 'p') and not c.relispartition
        and c.relrowsecurity -- what is nobody's tells nobody of anybody's devices: its readers are pinned above
        and has_any_column_privilege('valtronics_server', c.oid, 'select')
        and exists (select from pg_attribute a where a.attrelid = c.oid and not a.attisdropped
                    and (a.attname in ('device_id', 'series_id') or c.relname in ('devices', 'alert_events')))
        and not exists (select from pg_policy p where p.polrelid = c.oid and not p.polpermissive
                        and pg_get_expr(p.polqual, p.polrelid) like '%current_viewers()%visible_%')`);
    expect(unbounded).toEqual([]);
  });

  it('partitions cannot be read around their parent', async () => {
    await database.admin.query(`select ensure_points_day(current_date)`);
    const readable = await all(`
      select c.relname from pg_class c where c.relispartition and c.relkind = 'r'
        and (has_any_column_privilege('valtronics_server', c.oid, 'select') or has_any_column_privilege('valtronics_ingest', c.oid, 'select'))`);
    expect(readable).toEqual([]);
  });
});

describe('two organisations with a row in every table', () => {
  const ours = 1_000_001;
  const theirs = 1_000_002;
  let owned: { name: string; column: string }[];
  let server: pg.Client;

  beforeAll(async () => {
    owned = (await tables()).flatMap(({ name, organisation }) =>
      organisation === null ? [] : [{ name, column: organisation }],
    );
    // This clone is for looking at rows, not for keeping sense in them: whatever a column must mean is dropped.
    for (const { table, name } of await all<{ table: string; name: string }>(`
      select conrelid::regclass::text as table, quote_ident(conname) as name from pg_constraint
      where contype in ('c', 'f') and conrelid <> 0 and coninhcount = 0 and conparentid = 0 and connamespace = 'public'::regnamespace`)) {
      await database.admin.query(`alter table ${table} drop constraint if exists ${name} cascade`);
    }
    await database.admin.query('set session_replication_role = replica');
    for (const table of owned) for (const organisation of [ours, theirs]) await addRow(table, organisation);
    await database.admin.query('set session_replication_role = origin');
    server = new pg.Client(database.connection('server'));
    await server.connect();
    await server.query(`select set_config('valtronics.organisation', $1, false)`, [String(ours)]);
  });
  afterAll(() => server?.end());

  async function addRow({ name, column }: { name: string; column: string }, organisation: number): Promise<void> {
    const columns = await all<{ column: string; type: string }>(
      `select attname as column, format_type(atttypid, null) as type from pg_attribute
       where attrelid = $1::regclass and attnum > 0 and not attisdropped and attgenerated = ''`,
      [name],
    );
    const values = columns.map((one) => {
      if (one.column === column) return String(organisation);
      // Ours runs the instance, and of two organisations not both can: that one shows the most.
      return one.column === 'operates_instance' ? String(organisation === ours) : anyValue(one.type);
    });
    await database.admin.query(
      `insert into ${name} (${columns.map((one) => one.column).join(', ')}) overriding system value values (${values.join(', ')})`,
    );
  }

  function anyValue(type: string): string {
    const values: Record<string, string> = {
      uuid: 'gen_random_uuid()',
      text: `'x' || gen_random_uuid()`,
      smallint: '1',
      integer: '(random() * 1000000)::int',
      bigint: '(random() * 1000000)::bigint',
      'double precision': '1.5',
      boolean: 'true',
      bytea: `sha256(gen_random_uuid()::text::bytea)`,
      jsonb: `'{}'`,
      inet: `'192.0.2.1'`,
      'timestamp with time zone': 'date_trunc($$day$$, now())',
      'text[]': `'{}'`,
      'uuid[]': `'{}'`,
      tstzrange: `tstzrange(now(), now() + interval '1 hour')`,
    };
    const value = values[type];
    if (value === undefined) throw new Error(`say here what a ${type} may look like`);
    return value;
  }

  const may = async (privilege: string, name: string) =>
    (
      await all<{ may: boolean }>(`select has_table_privilege('valtronics_server', $1, $2) as may`, [name, privilege])
    )[0]?.may;

  it('what is read belongs to the organisation the transaction works for, in every table', async () => {
    const seen: Record<string, number[]> = {};
    for (const { name, column } of owned) {
      if (!(await may('select', name))) continue;
      const rows = (await server.query(`select ${column} as organisation from ${name}`)).rows;
      seen[name] = rows.map((row) => row.organisation);
    }
    expect(Object.keys(seen).length).toBeGreaterThan(20);
    expect(Object.entries(seen).filter(([, organisations]) => organisations.join() !== String(ours))).toEqual([]);
  });

  it.each(['', null])('without an organisation (%j) nothing is there', async (setting) => {
    const nobody = new pg.Client(database.connection('server'));
    await nobody.connect();
    try {
      if (setting !== null) await nobody.query(`select set_config('valtronics.organisation', $1, false)`, [setting]);
      for (const { name } of owned) {
        if (!(await may('select', name))) continue;
        expect([name, (await nobody.query(`select 1 from ${name}`)).rows.length]).toEqual([name, 0]);
      }
    } finally {
      await nobody.end();
    }
  });

  it('theirs can be neither changed, taken over, deleted nor added to', async () => {
    for (const { name, column } of owned) {
      if (await may('delete', name)) {
        const deleted = await inside(`delete from ${name} where ${column} = ${theirs}`);
        expect([name, deleted]).toEqual([name, 0]);
      }
      if (await may('update', name)) {
        expect([name, await inside(`update ${name} set ${column} = ${column} where ${column} = ${theirs}`)]).toEqual([
          name,
          0,
        ]);
        expect([name, await inside(`update ${name} set ${column} = ${theirs}`)]).toEqual([name, '42501']);
      }
      if (await may('insert', name)) {
        const columns = await all<{ column: string; type: string }>(
          `select attname as column, format_type(atttypid, null) as type from pg_attribute
           where attrelid = $1::regclass and attnum > 0 and not attisdropped and attgenerated = '' and attidentity = ''`,
          [name],
        );
        const values = columns.map((one) => (one.column === column ? String(theirs) : anyValue(one.type)));
        const added = await inside(
          `insert into ${name} (${columns.map((one) => one.column).join(', ')}) values (${values.join(', ')})`,
        );
        expect([name, added]).toEqual([name, '42501']);
      }
    }
  });

  it('what belongs to a tree or an event of the audit log is seen by whom that belongs to', async () => {
    await database.admin.query('set session_replication_role = replica');
    for (const table of ['audit_leaves', 'audit_tiles', 'audit_checkpoints']) {
      const columns = await all<{ column: string; type: string }>(
        `select attname as column, format_type(atttypid, null) as type from pg_attribute
         where attrelid = $1::regclass and attnum > 0 and not attisdropped`,
        [table],
      );
      const values = columns.map(({ column, type }) => (column === 'tree' ? 'id' : anyValue(type)));
      await database.admin.query(
        `insert into ${table} (${columns.map((one) => one.column).join(', ')}) select ${values.join(', ')} from audit_trees`,
      );
      const seen = await server.query(`select o.organisation_id from ${table} join audit_trees o on o.id = tree`);
      expect([table, seen.rows]).toEqual([table, [{ organisation_id: ours }]]);
      expect([table, (await server.query(`select from ${table}`)).rowCount]).toEqual([table, 1]);
    }
    await database.admin.query(`insert into audit_salts (event_id, salts) select id, '{}' from audit_events`);
    await database.admin.query('set session_replication_role = origin');
    const events = await server.query(
      `select e.organisation_id from audit_salts s left join audit_events e on e.id = s.event_id`,
    );
    expect(events.rows).toEqual([{ organisation_id: ours }]);
  });

  /** Rows touched, or the code of the refusal; leaves no trace. */
  async function inside(statement: string): Promise<number | string> {
    await server.query('begin');
    try {
      return (await server.query(statement)).rowCount ?? -1;
    } catch (error) {
      return (error as { code: string }).code;
    } finally {
      await server.query('rollback');
    }
  }

  it('a setting that is no number is refused instead of meaning everybody', async () => {
    const odd = new pg.Client(database.connection('server'));
    await odd.connect();
    await odd.query(`select set_config('valtronics.organisation', '1 or true', false)`);
    await expect(odd.query('select 1 from users')).rejects.toMatchObject({ code: '22P02' });
    await odd.end();
  });
});
