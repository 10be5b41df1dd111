import type { Role } from '@valtronics/contract';
import type { ManualClock } from '../../server/src/lib/clock.ts';
import { newOpaqueToken, tokenHash, tokenPrefixes } from '../../server/src/security/crypto/tokens.ts';
import { type Answer, anApp, type CallOptions, freshAddress, type Person, type TestApp } from './app.ts';

export interface RecordedEvent {
  event: string;
  outcome: string;
  actor_id: string | null;
  actor_label: string | null;
  resource_id: string | null;
  details: Record<string, unknown>;
}

/** The platform as people meet it. Each call comes from an address of its own, so that limits are never in the way. */
export interface SignInTest {
  app: TestApp;
  /** What must be found nowhere in clear. */
  secrets: Set<string>;
  post(path: string, body: unknown, options?: CallOptions): Promise<Answer>;
  meOf(options: CallOptions): Promise<Answer>;
  refresh(refreshToken: string): Promise<Answer>;
  /** Keeps what a sign-in gave among the secrets. */
  remember(answer: Answer): Answer;
  person(role: Role): Promise<Person>;
  /** Another sign-in of the same person. */
  signIn(person: Person): Promise<{ accessToken: string; refreshToken: string }>;
  /** A browser's cookie, put where signing in puts it: hashing a password for each would be most of the time. */
  browserOf(person: Person): Promise<string>;
  eventsOf(userId: string, name: string): Promise<RecordedEvent[]>;
  openSessions(userId: string): Promise<number>;
}

export async function aSignInTest(clock: ManualClock, env: Record<string, string> = {}): Promise<SignInTest> {
  const app = await anApp({ clock, webFolder: import.meta.dirname, env });
  const secrets = new Set<string>();
  const { admin } = app.database;

  function remember(answer: Answer): Answer {
    for (const field of ['accessToken', 'refreshToken']) if (answer.json?.[field]) secrets.add(answer.json[field]);
    for (const [, cookie = ''] of String(answer.headers['set-cookie']).matchAll(/=(vt[sc]_[\w-]+)/g))
      secrets.add(cookie);
    return answer;
  }
  const post: SignInTest['post'] = (path, body, options = {}) =>
    app.call('POST', `/api/v1${path}`, { body, from: freshAddress(), ...options });

  return {
    app,
    secrets,
    post,
    remember,
    meOf: (options) => app.call('GET', '/api/v1/auth/me', { from: freshAddress(), ...options }),
    refresh: async (refreshToken) => remember(await post('/auth/refresh', { refreshToken })),
    async person(role) {
      const made = await app.aPerson(role);
      for (const secret of [made.password, made.accessToken, made.refreshToken]) secrets.add(secret);
      return made;
    },
    signIn: async ({ email, password }) => remember(await post('/auth/login', { email, password })).json,
    async browserOf({ userId }) {
      const token = newOpaqueToken(tokenPrefixes.session);
      secrets.add(token);
      const at = (minutes: number) => new Date(clock.now() + minutes * 60_000);
      await admin.query(
        `insert into sessions (id, organisation_id, user_id, kind, token_hash, created_at, last_seen_at, verified_at, idle_expires_at, absolute_expires_at)
         select gen_random_uuid(), organisation_id, id, 'browser', $2, $3, $3, $3, $4, $5 from users where id = $1`,
        [userId, tokenHash(token), at(0), at(60), at(720)],
      );
      return `__Host-valtronics=${token}`;
    },
    eventsOf: async (userId, name) =>
      (
        await admin.query<RecordedEvent>(
          `select event, outcome, actor_id, actor_label, resource_id, details from audit_events
           where event = $2 and (actor_id = $1 or resource_id = $1) order by at`,
          [userId, name],
        )
      ).rows,
    openSessions: async (userId) =>
      (await admin.query('select 1 from sessions where user_id = $1 and revoked_at is null', [userId])).rows.length,
  };
}
