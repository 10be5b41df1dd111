import { setTimeout as delay } from 'node:timers/promises';
import { decodeProtectedHeader } from 'jose';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { dataKeysOn } from '../../../../tests/support/data-keys.ts';
import { aDatabase, type TestDatabase } from '../../../../tests/support/database.ts';
import { type ManualClock, manualClock } from '../../lib/clock.ts';
import { type Notices, openNotices } from '../../platform/db/notices.ts';
import { createTransactions } from '../audit/transactions.ts';
import type { Transactions } from '../audit/transactions.types.ts';
import { AccessTokenError, type AccessTokens, createAccessTokens } from '../crypto/access-tokens.ts';
import type { SigningAlgorithm } from '../crypto/signing-keys.ts';
import { aRootKey } from '../keys/keys.builders.ts';
import { newSealedKey } from './sealed-signing-key.ts';
import { createSigningKeyRotation, JWKS_MAX_AGE_SECONDS, type SigningKeyRotation } from './signing-key-rotation.ts';
import { openSigningKeys, type SigningKeyStore } from './signing-key-store.ts';

// Several servers on one database, each with its own copy of the keys. Time moves by hand.

const quiet = { info() {}, warn() {}, error() {} };
const operator = { kind: 'cli', id: 'cli:1000', label: null } as const;
const rootKey = aRootKey();
const TTL_SECONDS = 900;
const subject = { userId: 'u', organisationId: 1, role: 'user', authzVersion: 1, sessionId: 's' };

interface Server {
  store: SigningKeyStore;
  rotation: SigningKeyRotation;
  tokens: AccessTokens;
  reads(): number;
}

let database: TestDatabase;
let clock: ManualClock;
let opened: Notices[] = [];

beforeEach(async () => {
  database = await aDatabase();
  clock = manualClock(Date.now());
});
afterEach(async () => {
  await Promise.all(opened.map((notices) => notices.close()));
  opened = [];
  await database.drop();
});

async function aServer(
  options: { hears?: boolean; algorithm?: SigningAlgorithm; everyDays?: number } = {},
): Promise<Server> {
  const { hears = true, algorithm = 'ES256', everyDays = 30 } = options;
  const notices = await openNotices(database.connection('server'), database.server, quiet);
  opened.push(notices);
  let reads = 0;
  const all = createTransactions(database);
  const transactions: Transactions = {
    ...all,
    read: (organisation, work) => {
      reads += 1;
      return all.read(organisation, work);
    },
  };
  const dataKeys = await dataKeysOn(database, { rootKey, clock });
  const store = await openSigningKeys({
    transactions,
    dataKeys,
    notices: hears ? notices : { ...notices, onNotice: () => undefined, onGap: () => undefined },
    algorithm,
    clock,
    log: quiet,
  });
  const rotation = createSigningKeyRotation({
    transactions,
    dataKeys,
    store,
    algorithm,
    everyDays,
    accessTokenSeconds: TTL_SECONDS,
    clock,
  });
  const tokens = createAccessTokens({ keys: store, issuer: 'v', audience: 'v', clock, ttlSeconds: TTL_SECONDS });
  return { store, rotation, tokens, reads: () => reads };
}

async function refusal({ tokens }: Server, token: string): Promise<string> {
  try {
    await tokens.verify(token);
    return 'accepted';
  } catch (error) {
    if (error instanceof AccessTokenError) return error.problem;
    throw error;
  }
}

const newToken = async ({ tokens }: Server): Promise<string> => (await tokens.issue(subject)).token;
const kidOf = (token: string): string => String(decodeProtectedHeader(token).kid);
const published = ({ store }: Server): string[] => store.published().map(({ kid }) => kid);
const waitForOthers = (): void => clock.advance(JWKS_MAX_AGE_SECONDS * 1000);

async function stages(server: Server): Promise<Record<string, string[]>> {
  const { keys } = await server.rotation.status();
  return Object.fromEntries(
    (['next', 'active', 'retiring', 'retired'] as const).map((stage) => [
      stage,
      keys.filter(({ status }) => status === stage).map(({ kid }) => kid),
    ]),
  );
}

const events = async (event: string) =>
  (
    await database.admin.query<{ actor_kind: string; actor_id: string; resource_id: string; details: object }>(
      'select actor_kind, actor_id, resource_id, details from audit_events where event = $1 order by at',
      [event],
    )
  ).rows;

/** What must be so within a second is looked for that long. */
async function within1s(holds: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 1000;
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error('not within a second');
    await delay(10);
  }
}

describe('a rotation', () => {
  it('gives the next key the pen, which everybody knew already, and publishes another next', async () => {
    const server = await aServer();
    const before = await stages(server);
    expect(before).toMatchObject({ next: [expect.any(String)], active: [expect.any(String)], retiring: [] });
    expect(published(server).sort()).toEqual([...(before.next ?? []), ...(before.active ?? [])].sort());
    const token = await newToken(server);
    expect(kidOf(token)).toBe(before.active?.[0]);

    waitForOthers();
    await server.rotation.rotate(operator, { early: false });
    const after = await stages(server);
    expect(after).toMatchObject({ active: before.next, retiring: before.active });
    expect(published(server).sort()).toEqual(
      [...(after.next ?? []), ...(after.active ?? []), ...(after.retiring ?? [])].sort(),
    );
    expect(kidOf(await newToken(server))).toBe(before.next?.[0]);
    expect(await refusal(server, token)).toBe('accepted');
    expect(await events('signing_key.rotated')).toMatchObject([
      {
        actor_kind: 'cli',
        actor_id: 'cli:1000',
        resource_id: before.next?.[0],
        details: { retiring: before.active?.[0], next: after.next?.[0], early: false },
      },
    ]);
  });

  it('refuses no valid token, on any server, at any moment of it, whether messages arrive or not', async () => {
    const [writer, reader, deaf] = [await aServer(), await aServer(), await aServer({ hears: false })];
    const servers = [writer, reader, deaf];
    for (let round = 0; round < 3; round += 1) {
      waitForOthers();
      const old = await Promise.all(servers.map(newToken));
      let isDone = false;
      const rotating = writer.rotation.rotate(operator, { early: false }).finally(() => {
        isDone = true;
      });
      while (!isDone) {
        const fresh = await newToken(writer);
        for (const server of servers) {
          for (const token of [...old, fresh]) expect(await refusal(server, token)).toBe('accepted');
        }
        await delay(1);
      }
      await rotating;
      // A server that heard nothing still signs with the key before; its tokens are good, too.
      const after = await Promise.all(servers.map(newToken));
      for (const server of servers) {
        for (const token of [...old, ...after]) expect(await refusal(server, token)).toBe('accepted');
      }
      await deaf.rotation.job.run(new AbortController().signal);
    }
  });

  it('keeps a key until the last token it can have signed has ended, then the job retires it, as the system', async () => {
    const [server, late] = [await aServer(), await aServer({ hears: false })];
    waitForOthers();
    await server.rotation.rotate(operator, { early: false });
    const retiring = (await stages(server)).retiring?.[0];
    // The last moment at which a server that missed the message signs with it.
    clock.advance(60_000);
    const last = await newToken(late);
    expect(kidOf(last)).toBe(retiring);
    clock.advance(TTL_SECONDS * 1000 - 1);
    await server.rotation.job.run(new AbortController().signal);
    expect(await refusal(server, last)).toBe('accepted');
    clock.advance(65_000);
    await server.rotation.job.run(new AbortController().signal);
    expect(await stages(server)).toMatchObject({ retiring: [], retired: [retiring] });
    expect(await refusal(server, last)).toBe('unknown-key');
    expect(published(server)).not.toContain(retiring);
    expect(await events('signing_key.retired')).toMatchObject([
      { actor_kind: 'system', resource_id: retiring, details: { was: 'retiring' } },
    ]);
  });

  it('is refused while others may not know the next key yet, and says for how long; in an emergency it is done', async () => {
    const server = await aServer();
    clock.advance(20_000);
    await expect(server.rotation.rotate(operator, { early: false })).rejects.toMatchObject({
      code: 'conflict',
      detail: expect.stringMatching(/Wait 280 s, or .*--now/),
    });
    expect((await stages(server)).retiring).toEqual([]);
    await server.rotation.rotate(operator, { early: true });
    expect((await stages(server)).retiring).toHaveLength(1);
    expect(await events('signing_key.rotated')).toMatchObject([{ details: { early: true } }]);
  });

  it('asked of two servers 25 times each at once happens exactly once', async () => {
    const servers = [await aServer(), await aServer()];
    waitForOthers();
    const asked = await Promise.allSettled(
      Array.from({ length: 50 }, (_, index) => servers[index % 2]?.rotation.rotate(operator, { early: false })),
    );
    expect(asked.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    const codes = asked.flatMap((one) => (one.status === 'rejected' ? [one.reason.code] : []));
    expect(new Set(codes)).toEqual(new Set(['conflict']));
    expect(await events('signing_key.rotated')).toHaveLength(1);
    for (const server of servers)
      expect(await stages(server)).toMatchObject({
        next: [expect.any(String)],
        active: [expect.any(String)],
        retiring: [expect.any(String)],
      });
  });

  it('in an emergency, asked of two servers for the same key, happens once as well', async () => {
    const servers = [await aServer(), await aServer()];
    // Both have seen the active key and wait for their turn.
    await database.admin.query('begin; lock table signing_keys in share row exclusive mode');
    const asking = Promise.allSettled(servers.map(({ rotation }) => rotation.rotate(operator, { early: true })));
    const waiting = `select 1 from pg_locks where relation = 'signing_keys'::regclass and not granted`;
    await within1s(async () => (await database.admin.query(waiting)).rows.length === 2);
    await database.admin.query('commit');
    const asked = await asking;
    expect(asked.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    expect(asked.find(({ status }) => status === 'rejected')).toMatchObject({ reason: { code: 'conflict' } });
    expect(await events('signing_key.rotated')).toHaveLength(1);
  });

  it('that both servers saw due is done by one of them', async () => {
    const servers = [await aServer(), await aServer()];
    clock.advance(30 * 86_400_000 + 1);
    await Promise.all(servers.flatMap(({ rotation }) => Array(5).fill(rotation)).map(run));
    expect(await events('signing_key.rotated')).toMatchObject([{ actor_kind: 'system', details: { early: false } }]);
  });

  it('is due after the days that are set, not before', async () => {
    const server = await aServer({ everyDays: 2 });
    const { dueAt } = await server.rotation.status();
    expect(dueAt.getTime()).toBe(clock.now() + 2 * 86_400_000);
    clock.advance(2 * 86_400_000 - 1);
    await run(server.rotation);
    expect(await events('signing_key.rotated')).toHaveLength(0);
    clock.advance(1);
    await run(server.rotation);
    await run(server.rotation);
    expect(await events('signing_key.rotated')).toHaveLength(1);
  });

  it('changes the algorithm over two rotations, in which both kinds of token are good', async () => {
    const before = await aServer();
    const token = await newToken(before);
    const after = await aServer({ algorithm: 'EdDSA' });
    const kinds = new Set<string>();
    for (let round = 0; round < 2; round += 1) {
      waitForOthers();
      await after.rotation.rotate(operator, { early: false });
      const fresh = await newToken(after);
      kinds.add(String(decodeProtectedHeader(fresh).alg));
      for (const server of [before, after]) {
        expect(await refusal(server, fresh)).toBe('accepted');
        expect(await refusal(server, token)).toBe('accepted');
      }
    }
    expect([...kinds]).toEqual(['ES256', 'EdDSA']);
    expect(
      after.store
        .published()
        .map(({ alg }) => alg)
        .sort(),
    ).toEqual(['ES256', 'ES256', 'EdDSA', 'EdDSA']);
  });
});

const run = (rotation: SigningKeyRotation): Promise<void> => rotation.job.run(new AbortController().signal);

describe('a key that is retired', () => {
  it('[ASVS 9.1.3] ends its tokens on every server within a second, also remembered ones, and never comes back', async () => {
    const [writer, reader] = [await aServer(), await aServer()];
    const token = await newToken(writer);
    for (const server of [writer, reader]) expect(await refusal(server, token)).toBe('accepted');
    const kid = kidOf(token);
    await writer.rotation.retire(operator, kid);
    expect(await refusal(writer, token)).toBe('unknown-key');
    await within1s(async () => (await refusal(reader, token)) === 'unknown-key');
    for (const server of [writer, reader]) {
      expect(published(server)).not.toContain(kid);
      await within1s(() => server.store.active().kid !== kid);
      expect(await refusal(server, await newToken(server))).toBe('accepted');
      await server.store.reload();
      expect(await refusal(server, token)).toBe('unknown-key');
    }
    const row = await database.admin.query('select status, private_sealed from signing_keys where kid = $1', [kid]);
    expect(row.rows).toEqual([{ status: 'retired', private_sealed: null }]);
  });

  it('is replaced when it was the active or the next one', async () => {
    const server = await aServer();
    for (const stage of ['active', 'next'] as const) {
      const before = await stages(server);
      await server.rotation.retire(operator, before[stage]?.[0] ?? '');
      const after = await stages(server);
      expect(after.active).toEqual(stage === 'active' ? before.next : before.active);
      expect(after.next).not.toEqual(before.next);
      expect(after.next).toHaveLength(1);
    }
    expect(await events('signing_key.retired')).toMatchObject([
      { actor_id: 'cli:1000', details: { was: 'active' } },
      { actor_id: 'cli:1000', details: { was: 'next' } },
    ]);
  });

  it('is retired once: of 20 at once one does it', async () => {
    const server = await aServer();
    const kid = server.store.active().kid;
    const asked = await Promise.allSettled(Array.from({ length: 20 }, () => server.rotation.retire(operator, kid)));
    expect(asked.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    expect(await events('signing_key.retired')).toHaveLength(1);
    await expect(server.rotation.retire(operator, 'A'.repeat(43))).rejects.toMatchObject({ code: 'not_found' });
  });
});

describe('a server that missed messages', () => {
  it('asks when it meets a key it does not know, and once for a thousand invented ones', async () => {
    const [writer, deaf] = [await aServer(), await aServer({ hears: false })];
    // Two rotations on: a key that was not there when it started.
    for (let round = 0; round < 2; round += 1) {
      waitForOthers();
      await writer.rotation.rotate(operator, { early: false });
    }
    const token = await newToken(writer);
    const before = deaf.reads();
    const [header = '', body, signature] = token.split('.');
    const named = (kid: string): string =>
      [
        Buffer.from(
          Buffer.from(header, 'base64url')
            .toString()
            .replace(/"kid":"[^"]+"/, `"kid":"${kid}"`),
        ).toString('base64url'),
        body,
        signature,
      ].join('.');
    const invented = Array.from({ length: 1000 }, (_, index) => named(String(index).padStart(43, 'A')));
    const asked = await Promise.all([refusal(deaf, token), ...invented.map((text) => refusal(deaf, text))]);
    expect(asked[0]).toBe('accepted');
    expect(new Set(asked.slice(1))).toEqual(new Set(['unknown-key']));
    expect(deaf.reads() - before).toBe(1);
    for (const text of invented.slice(0, 50)) await refusal(deaf, text);
    expect(deaf.reads() - before).toBe(1);
    // What is no thumbprint cannot be a key of ours and is not asked for at all.
    clock.advance(5_000);
    expect(await refusal(deaf, named('k1'))).toBe('unknown-key');
    expect(deaf.reads() - before).toBe(1);
    expect(await refusal(deaf, invented[0] ?? '')).toBe('unknown-key');
    expect(deaf.reads() - before).toBe(2);
  });

  it('reads the keys again when its connection for messages is back', async () => {
    const [writer, other] = [await aServer(), await aServer()];
    await database.admin.query(
      `select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and query = 'listen valtronics'`,
    );
    const kid = writer.store.active().kid;
    await retireBehindTheirBacks(kid);
    await delay(1_500);
    expect(published(other)).not.toContain(kid);
  });

  /** As another server would, whose message nobody hears. */
  async function retireBehindTheirBacks(kid: string): Promise<void> {
    await database.admin.query(
      `update signing_keys set status = 'retired', retired_at = now(), private_sealed = null where kid = $1`,
      [kid],
    );
    await database.admin.query(`update signing_keys set status = 'active', activated_at = now() where status = 'next'`);
  }
});

describe('the keys in the database', () => {
  it('are one active and one next, also when ten servers start at once on an empty one', async () => {
    const servers = await Promise.all(Array.from({ length: 10 }, () => aServer()));
    const kids = new Set(servers.map((server) => server.store.active().kid));
    expect(kids.size).toBe(1);
    const found = await database.admin.query('select status from signing_keys order by status');
    expect(found.rows).toEqual([{ status: 'active' }, { status: 'next' }]);
  });

  it('[ASVS 9.1.3] cannot be added to by somebody who writes to it without the root key', async () => {
    const server = await aServer();
    // As the database names its epochs, with keys that hang on another root.
    const elsewhere = await aDatabase();
    const forger = await newSealedKey(await dataKeysOn(elsewhere, { clock }), 'ES256');
    await elsewhere.drop();
    await database.admin.query(
      `insert into signing_keys (kid, algorithm, public_jwk, private_sealed, status, retires_at)
       values ($1, 'ES256', $2, $3, 'retiring', now() + interval '1 day')`,
      [forger.kid, JSON.stringify(forger.publicJwk), forger.privateSealed],
    );
    await server.store.reload();
    expect(server.store.find(forger.kid)).toBeUndefined();
    expect(published(server)).not.toContain(forger.kid);
    // Nor does it keep the others from being rotated.
    waitForOthers();
    await server.rotation.rotate(operator, { early: false });
    expect(await refusal(server, await newToken(server))).toBe('accepted');
  });
});
