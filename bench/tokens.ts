import { rmSync } from 'node:fs';
import { jwtVerify } from 'jose';
import { sql } from 'kysely';
import { systemClock } from '../server/src/lib/clock.ts';
import { openSessionCache } from '../server/src/open-session-cache.ts';
import { loadConfig } from '../server/src/platform/config/config.ts';
import { openNotices } from '../server/src/platform/db/notices.ts';
import { createLogger } from '../server/src/platform/log/log.ts';
import { createMetrics } from '../server/src/platform/metrics/metrics.ts';
import { createApiKeys } from '../server/src/security/access/api-keys.ts';
import { createAuthentication } from '../server/src/security/access/authentication.ts';
import { createDeviceCredentials } from '../server/src/security/access/device-credentials.ts';
import { createDpopProofs } from '../server/src/security/access/dpop.ts';
import { createRevocations } from '../server/src/security/access/revocations.ts';
import type { SessionCache } from '../server/src/security/access/session-cache.ts';
import { createSessionLookUp } from '../server/src/security/access/session-look-up.ts';
import { openSigningKeys, type SigningKeyStore } from '../server/src/security/access/signing-key-store.ts';
import { createTransactions } from '../server/src/security/audit/transactions.ts';
import type { Transactions } from '../server/src/security/audit/transactions.types.ts';
import {
  type AccessTokenSubject,
  type AccessTokens,
  createAccessTokens,
} from '../server/src/security/crypto/access-tokens.ts';
import { createKeyRing } from '../server/src/security/crypto/key-ring.ts';
import { openRootKey } from '../server/src/security/crypto/root-key.ts';
import { createRefusedTokens } from '../server/src/security/shield/refused-tokens.ts';
import { startDatabase } from '../server/src/start-database.ts';
import { dataKeysOn } from '../tests/support/data-keys.ts';
import { aRedisServer, hasRedis } from '../tests/support/redis-server.ts';
import { newDataFolder } from './support/data-folder.ts';
import { type Done, inTurns } from './support/in-turns.ts';
import { atLeast, type Outcome, perSecond } from './support/outcome.ts';
import { anOrganisationOf } from './support/people.ts';

const ISSUER = 'https://localhost:8000';
const PEOPLE = 500;
const A_ROUND = 4_000;
const ROUNDS = 7;
/** As many requests as are under way at once. */
const AT_ONCE = 16;

/**
 * What the gate does with an access token, in this process and with an embedded PostgreSQL, against bare `jose.jwtVerify` of the same
 * tokens with the same key and the same expectations: a token seen for the first time; one of a person who is at work (which is what most
 * requests bring); and the latter with its session looked up, as every request does it, in PostgreSQL and, where a redis-server is
 * installed, in Redis.
 */
export async function tokenVerification(): Promise<Outcome[]> {
  const dataDir = newDataFolder('valtronics-bench-tokens-');
  const redis = hasRedis ? await aRedisServer() : undefined;
  const config = loadConfig({
    VALTRONICS_DATA_DIR: dataDir,
    VALTRONICS_LOG_LEVEL: 'error',
    ...(redis === undefined ? {} : { REDIS_URL: redis.url }),
  });
  const log = createLogger({ level: config.logLevel, clock: systemClock });
  const rootKey = openRootKey(config);
  const keyRing = createKeyRing(rootKey);
  const running = await startDatabase(config, keyRing, log);
  const sessionCache = openSessionCache({ config, running, keyRing, metrics: createMetrics(), log });
  const notices = await openNotices(running.connectionOf('server'), running.database.server, log);
  try {
    const clock = systemClock;
    const transactions = createTransactions(running.database);
    const dataKeys = await dataKeysOn(running.database, { rootKey });
    const keys = await openSigningKeys({ transactions, dataKeys, notices, algorithm: 'ES256', clock, log });
    const accessTokens = createAccessTokens({ keys, issuer: ISSUER, audience: ISSUER, clock, ttlSeconds: 900 });
    const revocations = createRevocations(notices);
    const authenticationWith = (cache: SessionCache | undefined) =>
      createAuthentication({
        transactions,
        accessTokens,
        deviceCredentials: createDeviceCredentials({ transactions, revocations, clock }),
        factorPolicy: { secondFactorRoles: [], passkeyRoles: [] },
        sessionIdleMs: config.sessionTimes.idleMs,
        apiKeys: createApiKeys({ transactions, clock }),
        refusedTokens: createRefusedTokens({ transactions, clock }),
        sessions: createSessionLookUp({ transactions, dataKeys, cache, clock }),
        dpopProofs: createDpopProofs({ transactions, clock }),
        clock,
      });
    const { maintenance } = running.database;
    const organisationId = await anOrganisationOf(PEOPLE, { maintenance, transactions, dataKeys });
    const people = await signedIn(transactions, organisationId);
    const atWork = await tokensOf(accessTokens, people, PEOPLE);

    const again = await against(keys, () => atWork, accessTokens.verify);
    // Made before, so that neither side pays for what making them leaves behind.
    const unseen: string[][] = [];
    for (let round = 0; round <= ROUNDS; round += 1) unseen.push(await tokensOf(accessTokens, people, A_ROUND));
    const fresh = await against(keys, () => unseen.pop() ?? [], accessTokens.verify);
    const wholeWith = (cache: SessionCache | undefined) => {
      const { bearer } = authenticationWith(cache);
      const authenticate = async (token: string): Promise<void> => {
        if ((await bearer(token, '127.0.0.1')) === null) throw new Error('a good token was refused');
      };
      return against(keys, () => atWork, authenticate);
    };
    const outcomes = [
      outcome('tokens.seen_before_vs_jose', again),
      outcome('tokens.first_seen_vs_jose', fresh),
      outcome('tokens.with_session_vs_jose', await wholeWith(undefined)),
    ];
    if (!redis) console.error('left out     tokens.with_session_from_redis_vs_jose: no redis-server is installed');
    else outcomes.push(outcome('tokens.with_session_from_redis_vs_jose', await wholeWith(sessionCache.cache)));
    return outcomes;
  } finally {
    await notices.close();
    await sessionCache.stop();
    await running.stop();
    await redis?.stop();
    rmSync(dataDir, { recursive: true, force: true });
  }
}

type Comparison = Awaited<ReturnType<typeof inTurns>>;

function outcome(name: string, { ours, theirs, ratio, ratios }: Comparison): Outcome {
  return atLeast(name, ratio, 0.8, 'x', `${perSecond(ours)} vs ${perSecond(theirs)} bare jose.jwtVerify, ${ratios}`);
}

/** Both sides get the same tokens in each round. */
async function against(
  keys: SigningKeyStore,
  tokensOfRound: () => string[] | Promise<string[]>,
  verify: (token: string) => Promise<unknown>,
): Promise<Comparison> {
  const { publicKey, algorithm } = keys.active();
  const bare = (token: string): Promise<unknown> =>
    jwtVerify(token, publicKey, { algorithms: [algorithm], typ: 'at+jwt', issuer: ISSUER, audience: ISSUER });
  let tokens: string[] = [];
  return inTurns(
    ROUNDS,
    async () => {
      tokens = await tokensOfRound();
      return timed(tokens, verify);
    },
    () => timed(tokens, bare),
  );
}

async function timed(tokens: readonly string[], verify: (token: string) => Promise<unknown>): Promise<Done> {
  let turn = 0;
  const started = performance.now();
  const worker = async (): Promise<void> => {
    for (let mine = turn++; mine < A_ROUND; mine = turn++) await verify(tokens[mine % tokens.length] ?? '');
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  return { count: A_ROUND, seconds: (performance.now() - started) / 1000 };
}

async function tokensOf(accessTokens: AccessTokens, people: readonly AccessTokenSubject[], count: number) {
  const tokens: string[] = [];
  for (let index = 0; index < count; index += 1) {
    const subject = people[index % people.length];
    // As one piece, as a request brings it: a text just put together is copied by whoever looks at it first, which is always our side.
    if (subject) tokens.push(Buffer.from((await accessTokens.issue(subject)).token).toString('latin1'));
  }
  return tokens;
}

/** A session for each of its people. */
async function signedIn(transactions: Transactions, organisationId: number): Promise<AccessTokenSubject[]> {
  const rows = await transactions.unaudited(organisationId, 'session_touch', async (tx) => {
    const sessions = await sql<{ session: string; person: string }>`
      insert into sessions (id, organisation_id, user_id, kind, created_at, last_seen_at, verified_at, idle_expires_at, absolute_expires_at)
      select gen_random_uuid(), organisation_id, id, 'token', now(), now(), now(), now() + interval '1 day', now() + interval '1 day'
      from users where organisation_id = ${organisationId} returning id as session, user_id as person`.execute(tx.db);
    return sessions.rows;
  });
  return rows.map(({ session, person }) => ({
    userId: person,
    organisationId,
    role: 'user',
    authzVersion: 1,
    sessionId: session,
  }));
}
