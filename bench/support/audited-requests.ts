import type { ChangeLoad } from './change-load.ts';
import { inChild } from './child.ts';
import { inTurns } from './in-turns.ts';
import { signIns } from './login-load.ts';
import { atLeast, type Outcome, perSecond } from './outcome.ts';
import { aServer, type BenchServer } from './server.ts';

const PEOPLE = 16;
const DEVICES = 200;
const A_ROUND = 2_000;
const ROUNDS = 7;

/**
 * What somebody who changes a device over HTTP waits for, with the log and without it: two servers of the same kind, of which one appends
 * nothing, and the same requests to each in turns. Unlike the write alone it holds what a write of the product consists of, from the
 * connection to the answer.
 */
export async function auditedRequests(): Promise<Outcome> {
  const ours = await aSide({ http: 8710, mqtt: 8711 });
  const theirs = await aSide({ http: 8712, mqtt: 8713, preload: new URL('./without-audit-log.ts', import.meta.url) });
  try {
    const { ratio, ratios, ...sides } = await inTurns(ROUNDS, ours.changes, theirs.changes);
    const [logged, unlogged] = [await ours.logged(), await theirs.logged()];
    if (logged < A_ROUND * ROUNDS || unlogged > 0)
      throw new Error(`${logged} events were logged by one side and ${unlogged} by the other`);
    const detail = `${perSecond(sides.ours)} changes of a device over HTTP with the log vs ${perSecond(sides.theirs)} without, ${PEOPLE} people at once, ${ratios}`;
    return atLeast('audit.request_to_request_without_log', ratio, 0.85, 'x', detail);
  } finally {
    await ours.stop();
    await theirs.stop();
  }
}

async function aSide(how: Parameters<typeof aServer>[0]) {
  const server = await aServer(how);
  const devices = (await server.devices(DEVICES)).map(({ id }) => id);
  const tokens = await signIns(server, PEOPLE);
  return {
    stop: () => server.stop(),
    logged: () => changesLogged(server),
    async changes(round: number) {
      const load: ChangeLoad = { port: server.httpPort, tokens, devices, requests: A_ROUND, round };
      return { count: A_ROUND, seconds: await inChild<number>(new URL('./change-load.ts', import.meta.url), load) };
    },
  };
}

/** As many events as were signed for: none where no log is. */
async function changesLogged(server: BenchServer): Promise<number> {
  const found = await server.call<{ size?: number }>('GET', '/api/v1/audit-log/checkpoint').catch(() => ({ size: 0 }));
  return found.size ?? 0;
}
