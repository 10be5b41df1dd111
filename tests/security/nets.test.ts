import { endpoints, healthLive, settingsChange, settingsGet } from '@valtronics/contract';
import { sql } from 'kysely';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../server/src/lib/clock.ts';
import { addressList } from '../../server/src/platform/config/addresses.ts';
import type { DatabaseRole } from '../../server/src/platform/db/roles.ts';
import { createHttpServer } from '../../server/src/platform/http/http-server.ts';
import { createLogger } from '../../server/src/platform/log/log.ts';
import { createMetrics } from '../../server/src/platform/metrics/metrics.ts';
import type { Authentication } from '../../server/src/security/access/authentication.ts';
import type { AuditContext } from '../../server/src/security/audit/audit-event.ts';
import type { Reader } from '../../server/src/security/audit/tokens.ts';
import { createTransactions } from '../../server/src/security/audit/transactions.ts';
import type { Transactions } from '../../server/src/security/audit/transactions.types.ts';
import { createHttpGate } from '../../server/src/security/gate/http-gate.ts';
import { createLimiter } from '../../server/src/security/shield/limiter.ts';
import { aDatabase, type TestDatabase } from '../support/database.ts';
import { aUserPrincipal } from '../support/principals.ts';
import { heardEvents } from '../support/security-events.ts';
import { noBlocks } from '../support/shield.ts';

// Sabotage: each net is cut by hand, and something must notice. (The compiler is net 1 and 2; `policy-table.test.ts` is net 4; what the
// database lets nobody do is in `database-rights.test.ts`.)

let database: TestDatabase;
let transactions: Transactions;
let organisationId: number;

beforeAll(async () => {
  database = await aDatabase();
  transactions = createTransactions(database);
  const made = await database.admin.query<{ id: number }>(
    `insert into organisations (public_id, name) values (gen_random_uuid(), 'Before') returning id`,
  );
  organisationId = made.rows[0]?.id ?? 0;
});
afterAll(() => database?.drop());

const somebody: Authentication = {
  session: async () => null,
  bearer: async () => aUserPrincipal('admin', { organisationId }),
  apiKey: async () => null,
  bouncer: async () => null,
  isStillValid: async () => true,
  certificate: () => null,
  isFresh: () => false,
  bound: async () => 'invalid_token',
  proofOf: async () => '',
  sightOf: async () => ({ sees: () => true }),
};

function aGate() {
  const { app } = createHttpServer({ tls: undefined, maxConnections: 10, refusalHeaders: {} });
  const gate = createHttpGate({
    app,
    transactions,
    recordReading: async () => {},
    authentication: somebody,
    limiter: createLimiter({ clock: systemClock, maxKeys: 100 }),
    blocks: noBlocks,
    guessing: { refusedWhileBlocked: async () => undefined },
    clock: systemClock,
    publicOrigin: 'https://localhost:8000',
    trustedProxies: addressList([]),
    metricsToken: undefined,
    ingestRate: { perSecond: 1, burst: 1 },
    sessionCookieSeconds: 3_600,
    personalData: { judge: () => undefined },
    unparsed: { letIn: () => undefined },
    log: createLogger({ level: 'fatal', clock: systemClock }),
    metrics: createMetrics(),
    ...heardEvents().door,
  });
  return { app, gate };
}

describe('net 3: the start', () => {
  it('stops at a route added around the gate', () => {
    const { app } = aGate();
    expect(() => app.get('/api/v1/debug', async () => 'everything')).toThrow(
      /GET \/api\/v1\/debug was added around the gate/,
    );
    expect(() => app.route({ method: 'POST', url: '/x', config: {}, handler: async () => '' })).toThrow(
      /around the gate/,
    );
  });

  it('stops at a plugin that brings a route along', async () => {
    const { app } = aGate();
    app.register(async (plugin) => {
      plugin.get('/hidden', async () => 'everything');
    });
    await expect(async () => app.ready()).rejects.toThrow(/around the gate/);
  });

  it('stops at a declared endpoint that nobody handles, and names it', () => {
    const { gate } = aGate();
    gate.handle(healthLive, async () => ({ status: 'ok' as const }));
    let said = '';
    try {
      gate.assertComplete();
    } catch (error) {
      said = String(error);
    }
    const missing = Object.keys(endpoints).filter((name) => name !== 'healthLive');
    for (const name of missing) expect(said).toContain(name);
    expect(said).not.toContain('healthLive');
  });

  it('stops at an endpoint that two parts want to handle', () => {
    const { gate } = aGate();
    gate.handle(healthLive, async () => ({ status: 'ok' as const }));
    expect(() => gate.handle(healthLive, async () => ({ status: 'ok' as const }))).toThrow(/handled twice/);
  });
});

const nameNow = async () =>
  (await database.admin.query('select name from organisations where id = $1', [organisationId])).rows[0].name as string;
const eventsNow = async () =>
  (await database.admin.query('select count(*)::int as n from audit_events')).rows[0].n as number;
const rename = async (reader: Reader, to: string): Promise<void> => {
  await sql`update organisations set name = ${to} where id = ${organisationId}`.execute(reader.db);
};
const context = (): AuditContext => ({
  organisationId,
  actor: { kind: 'user', id: null, label: null },
  address: '192.0.2.1',
  requestId: 'r',
});

describe('net 2: the token', () => {
  it('a handler that does not say what it changed has changed nothing', async () => {
    const { app, gate } = aGate();
    gate.handle(settingsChange, ({ write }) =>
      write(async (tx) => {
        await rename(tx, 'Changed in silence');
        return {
          id: crypto.randomUUID(),
          name: 'Changed in silence',
          retentionDays: 1,
          personalDataPolicy: 'warn' as const,
        };
      }),
    );
    const before = await eventsNow();
    const answer = await app.inject({
      method: 'PATCH',
      url: '/api/v1/settings',
      headers: { authorization: 'Bearer x' },
      payload: { name: 'Changed in silence' },
    });
    expect(answer.statusCode).toBe(500);
    expect(answer.json()).toMatchObject({ code: 'internal' });
    expect(answer.body).not.toMatch(/describe|organisation\.settings/);
    expect([await nameNow(), await eventsNow()]).toEqual(['Before', before]);
  });

  it('a handler of an endpoint that declares no event cannot write, whatever it casts', async () => {
    const { app, gate } = aGate();
    gate.handle(settingsGet, async (call) => {
      const write = (call as unknown as { write: (work: (tx: Reader) => Promise<void>) => Promise<void> }).write;
      await write((tx) => rename(tx, 'Changed by a read'));
      return { id: crypto.randomUUID(), name: '', retentionDays: 1, personalDataPolicy: 'warn' as const };
    });
    const answer = await app.inject({ url: '/api/v1/settings', headers: { authorization: 'Bearer x' } });
    expect([answer.statusCode, await nameNow()]).toEqual([500, 'Before']);
  });

  it('a read transaction cannot write at all', async () => {
    const attempt = transactions.read(organisationId, (reader) => rename(reader, 'Changed by a reader'));
    await expect(attempt).rejects.toMatchObject({ code: '25006' });
    const across = transactions.readAcross((reader) => rename(reader, 'Changed by a reader'));
    await expect(across).rejects.toMatchObject({ code: '25006' });
    expect(await nameNow()).toBe('Before');
  });

  it('a look-up sees and changes no organisation, also on a connection that has just served one', async () => {
    const seen = (reader: Reader) => sql<{ id: number }>`select id from organisations`.execute(reader.db);
    const rename = (reader: Reader) => sql`update organisations set name = 'Renamed' returning id`.execute(reader.db);
    const insert = (reader: Reader) =>
      sql`insert into users (id, organisation_id, email, role, status)
        values (gen_random_uuid(), ${organisationId}, 'nobody@example.org', 'user', 'invited')`.execute(reader.db);
    for (let round = 0; round < 5; round += 1) {
      // The pool hands out the connection that was used last.
      expect((await transactions.read(organisationId, seen)).rows).toHaveLength(1);
      expect((await transactions.lookUp(seen)).rows).toEqual([]);
      expect((await transactions.lookUp(rename)).rows).toEqual([]);
      await expect(transactions.lookUp(insert)).rejects.toThrow(/row-level security/);
    }
  });

  it('[ASVS 2.3.3] change and event commit together, or neither does', async () => {
    const before = await eventsNow();
    const failing = transactions.audited(context(), 'organisation.settings_changed', async (tx) => {
      await rename(tx, 'Half done');
      tx.describe({ resource: null });
      throw new Error('too late');
    });
    await expect(failing).rejects.toThrow('too late');
    const tooMuch = transactions.audited(context(), 'organisation.settings_changed', async (tx) => {
      await rename(tx, 'Without its event');
      tx.describe({ resource: null, details: { text: 'x'.repeat(9_000) } });
    });
    await expect(tooMuch).rejects.toThrow(/exceed 8192/);
    expect([await nameNow(), await eventsNow()]).toEqual(['Before', before]);

    await transactions.audited(context(), 'organisation.settings_changed', async (tx) => {
      await rename(tx, 'Before');
      tx.describe({ resource: { kind: 'organisation', id: 'o' }, details: { changed: ['name'] } });
    });
    expect(await eventsNow()).toBe(before + 1);
  });

  it('one change is described once', async () => {
    const twice = transactions.audited(context(), 'organisation.settings_changed', async (tx) => {
      tx.describe({ resource: null });
      tx.describe({ resource: { kind: 'another', id: 'x' } });
    });
    await expect(twice).rejects.toThrow(/described twice/);
  });

  it('the record of a refusal stays although what was refused is rolled back', async () => {
    const before = await eventsNow();
    await transactions.refused(context(), 'session.refused', { resource: null });
    const last = await database.admin.query(`select outcome, event from audit_events order by at desc limit 1`);
    expect([await eventsNow(), last.rows[0]]).toEqual([before + 1, { outcome: 'failure', event: 'session.refused' }]);
  });
});

describe('net 5: the audit log', () => {
  const as = async <T>(role: DatabaseRole, work: (client: pg.Client) => Promise<T>): Promise<T> => {
    const client = new pg.Client(database.connection(role));
    await client.connect();
    try {
      await client.query(`select set_config('valtronics.organisation', $1, false)`, [String(organisationId)]);
      return await work(client);
    } finally {
      await client.end();
    }
  };

  it.each(['server', 'maintenance', 'ingest', 'owner'] as const)(
    '[ASVS 16.4.2] %s can neither edit, delete nor empty it',
    async (role) => {
      await transactions.refused(context(), 'session.refused', { resource: null });
      const before = (await database.admin.query('select * from audit_events order by id')).rows;
      for (const statement of [
        `update audit_events set event = 'nothing.happened'`,
        `update audit_events set details = '{}' where false or true`,
        'delete from audit_events',
        'truncate audit_events',
        'truncate audit_events cascade',
      ]) {
        await expect(
          as(role, (client) => client.query(statement)),
          statement,
        ).rejects.toMatchObject({ code: '42501' });
      }
      expect((await database.admin.query('select * from audit_events order by id')).rows).toEqual(before);
    },
  );

  it('the server can write events of its current organisation only, and ingest none', async () => {
    const insert = (organisation: number | null) =>
      `insert into audit_events (id, organisation_id, event, outcome, actor_kind)
       values (gen_random_uuid(), ${organisation}, 'session.refused', 'success', 'system')`;
    await expect(as('server', (client) => client.query(insert(organisationId + 1)))).rejects.toMatchObject({
      code: '42501',
    });
    await expect(as('server', (client) => client.query(insert(null)))).rejects.toMatchObject({ code: '42501' });
    await expect(as('ingest', (client) => client.query(insert(organisationId)))).rejects.toMatchObject({
      code: '42501',
    });
  });

  it('no serving role can switch the trigger off, replace its function or the policies', async () => {
    for (const role of ['server', 'maintenance', 'ingest'] as const) {
      for (const statement of [
        'alter table audit_events disable trigger all',
        'drop trigger append_only on audit_events',
        `create or replace function refuse_change() returns trigger language plpgsql as 'begin return new; end'`,
        'drop policy append on audit_events',
        'alter table audit_events disable row level security',
        'set session_replication_role = replica',
        'grant update on audit_events to public',
        'set role valtronics_owner',
      ]) {
        // 42501 is a refusal; a grant without the right to give it is answered with a warning, so the outcome is looked at as well.
        const attempt = as(role, (client) => client.query(statement));
        if (statement.startsWith('grant')) await attempt.catch(() => undefined);
        else await expect(attempt, `${role}: ${statement}`).rejects.toMatchObject({ code: '42501' });
      }
    }
    const may = await database.admin.query(
      `select has_table_privilege('valtronics_server', 'audit_events', 'update') or has_table_privilege('public', 'audit_events', 'update') as may`,
    );
    expect(may.rows[0].may).toBe(false);
  });
});
