import { expect, it } from 'vitest';
import { aFolder, kill, until } from '../support/database-faults.ts';
import { aRealServer, type JsonAnswer } from '../support/real-server.ts';

// What was counted before `kill -9` counts after it: attempts, which decide in the transaction of the fifth, and events, which the next
// server reads again. With the embedded database; the rules themselves are tested beside them.

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

async function blocks(
  { call }: Awaited<ReturnType<typeof aRealServer>>,
  token: string,
): Promise<{ id: string; value: string }[]> {
  return (await call('GET', '/api/v1/blocks?state=in_force', { token })).json.items;
}
