import { setTimeout as delay } from 'node:timers/promises';
import { anApp, type CallOptions, freshAddress, type Person, type TestApp } from './app.ts';
import type { TestRedis } from './redis-server.ts';

const METRICS_TOKEN = 'a-token-that-scrapes-metrics';
/** Longer than any server believes its last news. */
const NEWS_MS = 700;
const WITHIN_MS = 30_000;
const KEPT_CONNECTIONS = 32;

let turns = 0;
/** In turns, so that each has an allowance of its own and its connection is there already when its turn comes again. */
const keptAddress = (): string => {
  turns += 1;
  return `127.99.0.${1 + (turns % KEPT_CONNECTIONS)}`;
};

export interface LookUps {
  redis: number;
  database: number;
  refused: number;
  connected: number;
}

/** Two servers of one installation on one Redis. */
export interface TwoServers {
  readonly a: TestApp;
  readonly b: TestApp;
  readonly lines: string[];
  me(server: TestApp, as: CallOptions): ReturnType<TestApp['call']>;
  lookUps(server: TestApp): Promise<LookUps>;
  /** Asks until an answer came with the help of Redis. */
  warm(server: TestApp, as: CallOptions): Promise<void>;
  /** Where the session of the next request is looked up; it must be answered with 200. */
  sourceOf(server: TestApp, as: CallOptions): Promise<'redis' | 'database'>;
  /** What a test changes past the servers reaches them with their next news. */
  arranged(change: Promise<unknown>): Promise<void>;
  signIn(person: Person): Promise<string>;
  stop(): Promise<void>;
}

export async function twoServers(
  redis: Pick<TestRedis, 'url'>,
  options: Omit<NonNullable<Parameters<typeof anApp>[0]>, 'beside' | 'onLogLine'> & { urlOfB?: string } = {},
): Promise<TwoServers> {
  const lines: string[] = [];
  const env = {
    REDIS_URL: redis.url,
    VALTRONICS_METRICS_TOKEN: METRICS_TOKEN,
    VALTRONICS_LOG_LEVEL: 'info',
    ...options.env,
  };
  const { urlOfB = redis.url, ...more } = options;
  const a = await anApp({ ...more, env, onLogLine: (line) => lines.push(`a ${line}`) });
  const envOfB = { ...env, REDIS_URL: urlOfB };
  const b = await anApp({ ...more, env: envOfB, beside: a, onLogLine: (line) => lines.push(`b ${line}`) });

  const me: TwoServers['me'] = (server, as) => server.call('GET', '/api/v1/auth/me', { from: freshAddress(), ...as });

  async function lookUps(server: TestApp): Promise<LookUps> {
    const { text } = await server.call('GET', '/metrics', { token: METRICS_TOKEN, from: keptAddress() });
    const figure = (name: string): number => {
      const line = text.split('\n').find((candidate) => candidate.startsWith(`${name} `));
      if (line === undefined) throw new Error(`no metric ${name}`);
      return Number(line.slice(name.length));
    };
    return {
      redis: figure('valtronics_session_lookups_total{source="redis"}'),
      database: figure('valtronics_session_lookups_total{source="database"}'),
      refused: figure('valtronics_session_entries_refused_total'),
      connected: figure('valtronics_redis_connected'),
    };
  }

  async function sourceOf(server: TestApp, as: CallOptions): Promise<'redis' | 'database'> {
    const before = await lookUps(server);
    const answer = await me(server, { from: keptAddress(), ...as });
    if (answer.status !== 200) throw new Error(`not let in: ${answer.text}`);
    const after = await lookUps(server);
    const [fromRedis, fromDatabase] = [after.redis - before.redis, after.database - before.database];
    if (fromRedis + fromDatabase !== 1) throw new Error('one request is one look-up');
    return fromRedis === 1 ? 'redis' : 'database';
  }

  return {
    a,
    b,
    lines,
    me,
    lookUps,
    sourceOf,
    async warm(server, as) {
      const deadline = Date.now() + WITHIN_MS;
      while ((await sourceOf(server, as)) !== 'redis') {
        if (Date.now() > deadline) throw new Error('Redis never served this session');
        await delay(20);
      }
    },
    async arranged(change) {
      await change;
      await delay(NEWS_MS);
    },
    async signIn({ email, password }) {
      const body = { email, password };
      const answer = await a.call('POST', '/api/v1/auth/login', { body, from: freshAddress() });
      if (answer.status !== 200) throw new Error(`sign-in failed: ${answer.text}`);
      return answer.json.accessToken;
    },
    async stop() {
      await b.stop();
      await a.stop();
    },
  };
}
