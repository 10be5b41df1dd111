import { once } from 'node:events';
import { get } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { aFolder, kill, until } from '../support/database-faults.ts';
import { aRealServer, type JsonAnswer } from '../support/real-server.ts';

// What was counted before `kill -9` counts after it: attempts, which decide in the transaction of the fifth, and events, which the next
// server reads again; so does from where a session was used. With the embedded database; the rules themselves are tested beside them.

const CONCLUDES_WITHIN_MS = 20_000;
const ATTACK = '/api/v1/devices?search=1%27%20union%20select%20password%20from%20users--';

it.each([
  ['the server', false],
  ['the server and PostgreSQL', true],
])(
  'kill -9 of %s in the middle of a window: the fifth failure blocks, the third attack is a detection',
  {
    timeout: 300_000,
    retry: 0,
  },
  async (_, andPostgres) => {
    const server = await aRealServer(aFolder());
    try {
      await server.start();
      const token = await server.signIn();
      const guess = (n: number): Promise<JsonAnswer> =>
        server.call('POST', '/api/v1/auth/login', { body: { email: `${n}@nobody.example`, password: 'a wrong one' } });
      const detections = async (scenario: string) => {
        const answer = await server.call('GET', `/api/v1/detections?scenario=${scenario}`, { token });
        expect(answer.status).toBe(200);
        return answer.json.items;
      };
      const attack = async (): Promise<void> => {
        expect((await server.call('GET', ATTACK)).json.code).toBe('request_blocked');
      };
      const stored = async (action: string): Promise<number> => {
        const { json } = await server.call('GET', `/api/v1/security-events?action=${action}`, { token });
        return json.items.reduce((sum: number, { count }: { count: number }) => sum + count, 0);
      };

      for (let n = 1; n <= 3; n += 1) expect([n, (await guess(n)).status]).toEqual([n, 401]);
      for (let n = 1; n <= 2; n += 1) await attack();
      await until(async () => (await stored('request.blocked')) === 2);
      const [pid, postmaster] = [server.pid(), server.postmaster()];
      await server.kill();
      if (andPostgres) await kill(postmaster);
      await server.start();
      expect(server.pid()).not.toBe(pid);
      // Nothing was concluded from what was read again.
      expect([await detections('brute-force'), await detections('injection-probing')]).toEqual([[], []]);

      expect((await guess(4)).status).toBe(401);
      expect(await blocks(server, token)).toEqual([]);
      expect((await guess(5)).status).toBe(401);
      expect((await guess(6)).json.code).toBe('address_blocked');
      await until(async () => (await detections('brute-force')).length > 0, CONCLUDES_WITHIN_MS);
      const [block, ...more] = await blocks(server, token);
      expect(more).toEqual([]);
      // Whose requests are refused unread has no more of them read.
      expect((await server.call('POST', `/api/v1/blocks/${block?.id}/lift`, { token, body: {} })).status).toBe(200);
      await attack();
      await until(async () => (await detections('injection-probing')).length > 0, CONCLUDES_WITHIN_MS);
      expect(await detections('injection-probing')).toMatchObject([{ count: 3 }]);
    } finally {
      await server.stop();
    }
  },
);

it('kill -9 between the places of one session: that it goes there and back is a detection', {
  timeout: 300_000,
  retry: 0,
}, async () => {
  const server = await aRealServer(aFolder());
  const [home, elsewhere] = ['127.9.21.1', '127.9.22.1'];
  try {
    await server.start();
    const token = await server.signIn();
    // Reads with a session of its own, so that looking is no move.
    const watcher = await server.signIn();
    const listed = async (path: string) =>
      (await server.call('GET', `/api/v1/${path}`, { token: watcher })).json.items as { address: string }[];
    const use = async (from: string): Promise<void> => expect(await statusFrom(from, server.httpPort, token)).toBe(200);
    const startAgain = async (): Promise<void> => {
      // What was seen is written a tenth of a second later.
      await delay(1_500);
      await server.kill();
      await server.start();
    };
    await use(home);
    await startAgain();
    await use(elsewhere);
    await until(async () => (await listed('security-events?action=session.moved')).length === 1);
    await startAgain();
    await use(home);
    await until(
      async () => (await listed('detections?scenario=session-from-two-networks')).length > 0,
      CONCLUDES_WITHIN_MS,
    );
    expect((await listed('security-events?action=session.moved')).map(({ address }) => address).sort()).toEqual([
      home,
      elsewhere,
    ]);
  } finally {
    await server.stop();
  }
});

/** The answer to a question of that session, asked from that address of loopback. */
async function statusFrom(localAddress: string, port: number, token: string): Promise<number | undefined> {
  const headers = { authorization: `Bearer ${token}` };
  const asked = get({ host: '127.0.0.1', port, path: '/api/v1/auth/me', localAddress, headers, agent: false });
  const [answer] = await once(asked, 'response');
  answer.resume();
  return answer.statusCode;
}

async function blocks(
  { call }: Awaited<ReturnType<typeof aRealServer>>,
  token: string,
): Promise<{ id: string; value: string }[]> {
  return (await call('GET', '/api/v1/blocks?state=in_force', { token })).json.items;
}
